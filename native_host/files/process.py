# SPDX-License-Identifier: MIT
"""Signs and decrypts the user's own files, for command and desktop program alike.

``sign_files`` signs what a ``Wish`` says, and ``decrypt_files`` decrypts what a
``DecryptWish`` says. The commands call them. The desktop program has a toolkit in its
process, where no PIN may be. It decrypts by the command. To sign, it has ``serve`` run
in a process of its own, which reads a ``request`` and writes lines of JSON: one for
each progress, and one with the result. A signing goes on if that window closes.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kortilla.common import JsonObject
from native_host.config import Config, load_config
from native_host.environment import OpenPrompt, open_source, run_with_prompt
from native_host.errors import KortillaError, UserCancelledError
from native_host.files.sources import Mark, RefusedFilesError, Wish
from native_host.log import log_unexpected, set_up_log
from native_host.platform.hardening import narrow_umask
from native_host.signing_extra import check_library

if TYPE_CHECKING:
    from native_host.files.decrypt import DecryptOutcome, DecryptWish
    from native_host.files.sign import Outcome
    from native_host.pin_prompt.model import Progress

logger = logging.getLogger(__name__)

#: Gets how many signatures are made, of how many, or how many bytes are decrypted.
Progressed = Callable[[int, int], object]
#: Gets how many batches are signed, of how many, before PIN2 is asked for again.
BatchBegins = Callable[[int, int], object]


def sign_files(
    config: Config,
    wish: Wish,
    progressed: Progressed | None = None,
    batch_begins: BatchBegins | None = None,
) -> "Outcome":
    """Sign files with the configured card and prompt.

    A signal cancels as the user would. Raises the errors of ``sign_own_files``, and
    ``KeyboardInterrupt``. ``signing_extra.check_library`` comes before it.
    """
    from native_host.files.sign import sign_own_files
    from native_host.operations.request import Context

    def report(stage: str, progress: "Progress | None") -> None:
        told = {"signing": progressed, "batch": batch_begins}.get(stage)
        if told is not None and progress is not None:
            told(progress.done, progress.total)

    async def work(open_prompt: OpenPrompt) -> "Outcome":
        # The window opens after the files have been read, so that it never shows one
        # that can't be signed.
        async with open_source(config) as source:
            return await sign_own_files(Context(source, open_prompt(), report), wish)

    return run_with_prompt(config, work)


def decrypt_files(
    config: Config, wish: "DecryptWish", progressed: Progressed | None = None
) -> "DecryptOutcome":
    """Decrypt files with the configured card and prompt, where PIN1 is typed.

    Raises the errors of ``decrypt_own_files``, and ``KeyboardInterrupt``.
    """
    from native_host.files.decrypt import decrypt_own_files
    from native_host.operations.request import Context

    async def work(open_prompt: OpenPrompt) -> "DecryptOutcome":
        async with open_source(config) as source:
            context = Context(source, open_prompt())
            return await decrypt_own_files(context, wish, progressed)

    return run_with_prompt(config, work)


def request(wish: Wish, *, card: str, prompt: str) -> bytes:
    """Return what the process reads. The wish has no CA certificates."""
    wanted = {"card": card, "prompt": prompt, "wish": asdict(wish)}
    return json.dumps(wanted, default=os.fspath).encode()


def serve() -> None:
    narrow_umask()
    set_up_log()
    try:
        wanted = json.loads(sys.stdin.buffer.read())
    except json.JSONDecodeError:
        return  # the window has gone before it had asked for all
    _write(_run(wanted))


def _run(wanted: JsonObject) -> JsonObject:
    def progressed(done: int, total: int) -> None:
        _write({"progress": {"done": done, "total": total}})

    def batch_begins(done: int, total: int) -> None:
        _write({"progress": {"batch": done + 1, "batches": total}})

    try:
        config = load_config()._replace(card=wanted["card"], prompt=wanted["prompt"])
        check_library()
        return sign_files(
            config, _wish(wanted["wish"]), progressed, batch_begins
        ).fields()
    except RefusedFilesError as error:
        return error.fields()
    except KortillaError as error:
        return _failed(error.code, str(error))
    except KeyboardInterrupt:
        return _failed(UserCancelledError.code, "Cancelled by a signal.")
    except Exception as error:
        log_unexpected(logger, error)
        return _failed(KortillaError.code, type(error).__name__)


def _failed(code: str, message: str) -> JsonObject:
    return {"error": {"code": code, "message": message}}


def _wish(fields: JsonObject) -> Wish:
    mark, out = fields["mark"], fields["out"]
    if mark is not None:
        box = mark["box"]
        mark = Mark(mark["page"], tuple(box) if isinstance(box, list) else box)
    return Wish(
        **{
            **fields,
            "files": tuple(map(Path, fields["files"])),
            "out": None if out is None else Path(out),
            "mark": mark,
            "authorities": (),
        }
    )


def _write(result: JsonObject) -> None:
    try:
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The program's window has gone. The work goes on, and nobody reads of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
