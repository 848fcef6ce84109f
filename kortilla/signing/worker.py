# SPDX-License-Identifier: MIT
"""The main loop of a process of ``processes.py``: file after file, with limits.

pyHanko limits decompression, but neither time nor memory: an array of a million
numbers, 2 MB, takes half a minute and half a gigabyte. Python can't interrupt that, so
the system kills the process. ``exchange.py`` has the messages.
"""

import gc
import logging
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from kortilla.common import JsonObject
from kortilla.common.limits import leave_network
from kortilla.errors import (
    DocumentNotSignableError,
    RelyingPartyError,
    SignatureValidationError,
)
from kortilla.signing.exchange import (
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    TOO_SLOW,
    Placeholder,
    read_message,
    write_message,
)
from kortilla.signing.pdf import embed, put_placeholder, put_timestamp
from kortilla.signing.state import PreparedSignature
from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification.findings import Findings, Found, broken

_PATIENCE = 6
_LARGE = 1_000_000  # octets
_MAX_CAUSE = 200  # characters
_HEADER_WITHIN = 1024  # octets; where viewers look for a PDF's header
_LIFETIME = 24 * 3600  # seconds of processor time, on Windows
_timers: list[threading.Timer] = []  # on Windows, at most one


def main(*, memory: int, seconds: float) -> None:
    """Process messages until the input is closed.

    ``memory`` limits the address space in bytes, on Linux; ``seconds`` limits the
    processor time for one PDF. Beyond them the process ends with ``OUT_OF_MEMORY``, or
    by one of ``TOO_SLOW``. Windows limits the memory that is in use, and the process
    ends with ``OUT_OF_TIME`` after six times ``seconds``.
    """
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what a library prints is no answer
    logging.disable()  # pyHanko has a line for each fault of a file
    for name in ("SIGHUP", "SIGINT", "SIGTERM"):
        # The service handles these signals. This process ends when its input is closed.
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if sys.platform != "win32":
        for number in TOO_SLOW:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TOO_SLOW)
    if sys.platform == "linux":  # others do not keep to it
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY or most > memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    elif sys.platform == "win32":
        from kortilla.common.windows_jobs import limit_process

        limit_process(memory=memory, seconds=_LIFETIME)
    # A file must not have this process send what it finds to anybody.
    apart = leave_network()
    try:
        _work(requests, answers, seconds, {"apart": apart})
    except BrokenPipeError:  # the service has ended, and reads no error either
        os._exit(0)


def _work(
    requests: BinaryIO, answers: BinaryIO, seconds: float, state: JsonObject
) -> None:
    write_message(answers, state, b"")  # it is there
    while True:
        try:
            request, document = read_message(requests)
        except EOFError:
            return
        _limit_time(seconds)
        answer = _answer(request, document)
        _limit_time(0)
        write_message(answers, *answer)
        if len(document) > _LARGE:
            # pyHanko's objects refer to each other, and to the document.
            del request, document, answer
            gc.collect()


def _limit_time(seconds: float) -> None:
    """Limit what comes next, in place of what was limited before; 0 is no limit."""
    # Wall-clock time is limited generously: the computer may be busy.
    if sys.platform == "win32":
        for timer in _timers:
            timer.cancel()
        _timers[:] = [threading.Timer(_PATIENCE * seconds, os._exit, (OUT_OF_TIME,))]
        _timers[0].daemon = True
        if seconds:
            _timers[0].start()
    else:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)


def _answer(request: JsonObject, document: bytes) -> tuple[JsonObject, bytes]:
    try:
        if "examine" in request:
            content = document if request["has_content"] else None
            return {"findings": asdict(_examine(content, request["examine"]))}, b""
        if "trust_list" in request:
            return {"trust_list": _read_trust_list(document)}, b""
        return _put(request, document)
    except (DocumentNotSignableError, SignatureValidationError) as error:
        return _refusal(error), b""
    except (MemoryError, SystemError):
        # Without memory, Python 3.13 also has an "error return without exception set".
        os._exit(OUT_OF_MEMORY)
    except Exception as error:
        # For broken files pyHanko raises KeyError, TypeError, IndexError,
        # RecursionError, AssertionError and others besides its own errors.
        refusal = DocumentNotSignableError(
            "The document is not a sound PDF that can be signed as asked.",
            reason="broken",
        )
        cause = f"{type(error).__name__}: {error}"[:_MAX_CAUSE]
        return _refusal(refusal, cause), b""


def _put(request: JsonObject, document: bytes) -> tuple[JsonObject, bytes]:
    if "placeholder" in request:
        return put_placeholder(Placeholder(**request["placeholder"]), document)
    if "timestamp" in request:
        return put_timestamp(document, request["timestamp"])
    data = request["validation_data"]
    return {}, embed(
        PreparedSignature.from_bytes(document),
        request["signature"],
        None if data is None else ValidationData(**data),
    )


def _examine(content: bytes | None, signature: bytes | None) -> Findings:
    """Return what is found in a file, or in a detached signature of it.

    ``content`` is None for a signature whose file is not there.
    """
    from kortilla.signing.verification.archives import archive_in
    from kortilla.signing.verification.cms_signature import examine_cms
    from kortilla.signing.verification.container import examine_container
    from kortilla.signing.verification.pdf.examine import examine_pdf

    if content is None or signature is not None:
        return examine_cms(signature or b"", content)
    if content.startswith(b"PK"):
        return examine_container(content)
    if b"%PDF-" in content[:_HEADER_WITHIN]:
        try:
            findings = examine_pdf(content)
        except (MemoryError, SystemError):
            raise
        except Exception as error:  # pyHanko raises any exception for broken files
            return Findings("pdf", problems=[broken(error)])
        ends = [each.revision_length or len(content) for each in findings.signatures]
        if ends and (kind := archive_in(content, ends)):
            findings.problems.append(Found("ARCHIVE_INSIDE", kind))
        return findings
    if content.startswith((b"\x30", b"-----BEGIN")):
        return examine_cms(content, None)
    return Findings("unknown", problems=[Found("NOT_A_SIGNED_FORMAT")])


def _read_trust_list(document: bytes) -> JsonObject:
    from kortilla.signing.verification.trust_list_xml import read_list

    return asdict(read_list(document))


def _refusal(error: RelyingPartyError, cause: str | None = None) -> JsonObject:
    return {
        "refused": error.code,
        "message": str(error),
        "reason": getattr(error, "reason", ""),
        "cause": cause,
    }
