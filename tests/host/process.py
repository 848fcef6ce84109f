# SPDX-License-Identifier: MIT
"""The host as a separate process; the test takes the browser's part."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.browser.warm_host import relay_command
from tests.support import commands, warm
from tests.support.patience import patience

ORIGIN = "https://service.example"
NONCE = "A" * 43 + "="
AUTOMATIC = 'card = "mock"\nprompt = "automatic"\n'
OWN_CALLER = (
    "/somewhere/fi.kortilla.host.json",
    "{48e30dea-567c-4965-9e98-7118cfcaca7e}",
)
WEB_EID_CALLER = ("chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/",)

_BETWEEN_LOOKS = 0.004


class HostProcess:
    """A running host. Reads have a time limit.

    ``prelude`` is Python that runs in the host's process first. ``under`` is the
    command of a program that starts the host. With ``anew`` the process starts as the
    browser starts it, with ``installed`` too, which is the command of an installed
    host. Without, it has all imports done.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        caller: Sequence[str] = (),
        *,
        prompt_command: Sequence[str] | None = None,
        prelude: str = "",
        anew: bool = False,
        under: Sequence[str] = (),
        installed: Sequence[str] = (),
    ) -> None:
        command = None if prompt_command is None else list(prompt_command)
        code = (
            f"{prelude}\nimport sys; from native_host.__main__ import main; "
            f"sys.exit(main(prompt_command={command!r}))"
        )
        self.process: warm.WarmProcess | subprocess.Popen[bytes]
        if anew or under or installed:
            python = [*(installed or [sys.executable]), "-I", "-c", code]
            host = python if anew or installed else relay_command(code)
            if installed and not prelude:
                host = [*installed]
            self.process = subprocess.Popen(
                [*under, *host, *caller],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=dict(environment),
            )
        else:
            self.process = warm.start(code, caller, environment)
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self._in, self._out = self.process.stdin, self.process.stdout

    def send(self, message: object) -> None:
        """Send a message, or bytes as a frame's body."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.send_raw(len(body).to_bytes(4, sys.byteorder) + body)

    def send_raw(self, data: bytes) -> None:
        self._in.write(data)

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None at the end of the host's output."""
        head = self._read(4)
        if head is None:
            return None
        body = self._read(int.from_bytes(head, sys.byteorder))
        assert body is not None
        message: dict[str, Any] = json.loads(body)
        return message

    def answer(self) -> dict[str, Any]:
        """Return the next message except progress."""
        while (message := self.receive()) is not None:
            if "progress" not in message:
                return message
        raise AssertionError("The host ended without an answer: " + self.log())

    def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        self.send({"id": "1", "command": command, "arguments": arguments})
        return self.answer()

    def begin_login(self, request_id: str = "1", **changes: object) -> None:
        self.send(login_request(request_id, **changes))

    def authenticate(self, **changes: object) -> dict[str, Any]:
        """Send Kortilla's ``authenticate`` with the given changes.

        None removes a field.
        """
        return self.ask("authenticate", **own_arguments(**changes))

    def end_input(self) -> None:
        """Close the host's standard input, as a browser does."""
        self._in.close()

    def wait(self, seconds: float | None = None) -> int:
        return self.process.wait(seconds or patience())

    def end(self) -> str:
        """Close the input, see the host exit without an error, and return its log."""
        self.end_input()
        assert self.wait() == 0
        return self.log()

    def log(self) -> str:
        """Return the host's standard error. The host must have exited."""
        assert self.process.stderr
        return self.process.stderr.read().decode()

    def put_away(self) -> None:
        """End the process and close its pipes."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self._out, self.process.stderr):
            if stream is not None:
                stream.close()

    def until(self, happened: Callable[[], object]) -> None:
        """Look every few milliseconds for a condition while the host runs."""
        deadline = time.monotonic() + patience()
        while not happened():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_BETWEEN_LOOKS)
                raise AssertionError(self.log())
            assert time.monotonic() < deadline, "It does not happen."

    def _read(self, length: int) -> bytes | None:
        data = b""
        while len(data) < length:
            ready, _, _ = select.select([self._out], [], [], patience())
            assert ready, "The host says nothing."
            part = self._out.read(length - len(data))
            if not part:
                assert not data, "The host's output ends in the middle of a message."
                return None
            data += part
        return data


@contextlib.contextmanager
def running(
    environment: Mapping[str, str], caller: Sequence[str] = OWN_CALLER, **options: Any
) -> Iterator[HostProcess]:
    """Run a host and read its hello; nothing of it remains afterwards.

    The options are those of ``HostProcess``.
    """
    host = HostProcess(environment, caller, **options)
    try:
        hello = host.receive()
        assert hello is not None and set(hello) == {"version", "language"}
        yield host
    finally:
        host.put_away()


class Script:
    """The scripted window's command, and the messages that it received."""

    def __init__(
        self, folder: Path, *answers: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = folder / "window.log"
        self._environment = environment or {}
        script = Path(__file__).with_name("scripted_prompt.py")
        self.command = [sys.executable, "-I", "-S", str(script), str(self._log)]
        self.command += answers

    def running(
        self,
        environment: Mapping[str, str] | None = None,
        caller: Sequence[str] = OWN_CALLER,
        **options: Any,
    ) -> contextlib.AbstractContextManager[HostProcess]:
        """Run a host whose window this is."""
        options["prompt_command"] = self.command
        return running(environment or self._environment, caller, **options)

    def told(self) -> list[dict[str, Any]]:
        if not self._log.exists():
            return []
        *lines, _ = self._log.read_text().split("\n")
        return [json.loads(line) for line in lines]

    def showed(self, step: str) -> bool:
        """Whether the window has been told of a step."""
        return any(each.get("step") == step for each in self.told())

    def opened(self) -> dict[str, Any]:
        conversation: dict[str, Any] = self.told()[0]["conversation"]
        return conversation

    def questions(self) -> list[dict[str, Any]]:
        return [each["question"] for each in self.told() if each["type"] == "ask-pin"]

    def process(self) -> int:
        return int(self._log.with_suffix(".log.pid").read_text())


def command_line(
    environment: Mapping[str, str], *words: str
) -> tuple[int, dict[str, Any]]:
    """Run Web eID's form on the command line, ``-c COMMAND JSON``, without an input.

    Return the exit status and the reply. The process has all imports done.
    """
    code = "import sys; from native_host.__main__ import main; sys.exit(main())"
    done = commands.end(warm.start(code, ["-c", *words], environment))
    return done.returncode, json.loads(done.stdout)


def kortilla(environment: Mapping[str, str], *words: str) -> dict[str, Any]:
    done = commands.run(*words, "--json", environment=environment)
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def own_arguments(**changes: object) -> dict[str, object]:
    """Return valid arguments of our ``authenticate`` with changes; None removes one."""
    arguments: dict[str, object] = {
        "challengeNonce": NONCE,
        "origin": ORIGIN,
        "userActivation": True,
        **changes,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def login_request(request_id: str = "1", **changes: object) -> dict[str, object]:
    arguments = own_arguments(**changes)
    return {"id": request_id, "command": "authenticate", "arguments": arguments}


def off(command: str) -> dict[str, str]:
    """Return the message that ends the request with id 1: cancel or expire."""
    return {"id": "1", "command": command}


def make_environment(home: Path, config: str) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text(config)
    return {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "PATH": os.environ["PATH"],
        "KORTILLA_CONFIG": str(home / "config.toml"),
        "LANG": "C.UTF-8",
    }
