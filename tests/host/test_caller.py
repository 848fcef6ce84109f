# SPDX-License-Identifier: MIT
"""The window names a program that is no browser, despite its claims."""

import base64
import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from tests.host.conftest import MOCK_FOLDER
from tests.host.process import (
    NONCE,
    ORIGIN,
    OWN_CALLER,
    WEB_EID_CALLER,
    HostProcess,
)
from tests.host.test_own_protocol import Script

#: The name of the program that runs this test.
PYTHON = Path(sys.executable).resolve().name
#: A shell that stays the host's parent.
WRAPPER = ["sh", "-c", '"$@"; exit $?', "wrapper"]
POSING: list[tuple[str, ...]] = [OWN_CALLER, WEB_EID_CALLER, ()]


def started_by(path: Path, *beside: str, seconds: int = 60) -> list[str]:
    """Return the arguments that run a command as child of a program with that path.

    This is coreutils' timeout, which works under any name and waits for the command.
    It ends the command after some ``seconds``.
    """
    path.parent.mkdir(parents=True)
    shutil.copy(shutil.which("timeout") or "", path)
    for name in beside:
        path.with_name(name).touch()
    return [str(path), "--foreground", str(seconds)]


def named(
    folder: Path,
    environment: dict[str, str],
    under: Sequence[str],
    arguments: Sequence[str] = OWN_CALLER,
    *,
    anew: bool = False,
) -> str:
    """Return the program that the window names for a host started this way."""
    script = Script(folder, "cancel")
    host = HostProcess(
        environment,
        arguments,
        prompt_command=script.command,
        anew=anew,
        under=under,
    )
    try:
        assert host.receive()
        values = {"challengeNonce": NONCE, "origin": ORIGIN}
        if arguments == OWN_CALLER:
            host.authenticate()
        else:
            host.send({"command": "authenticate", "arguments": values})
            host.answer()
        host.end_input()
        host.wait()
    finally:
        host.put_away()
    conversation = script.told()[0]["conversation"]
    assert conversation["origin"] == ORIGIN
    return str(conversation["caller"])


@pytest.mark.parametrize("arguments", POSING, ids=["own", "web-eid", "portal"])
def test_a_script_that_gives_an_extensions_id_is_named(
    home: Path, window: dict[str, str], arguments: tuple[str, ...]
) -> None:
    anew = arguments == OWN_CALLER
    assert named(home, window, [], arguments, anew=anew) == PYTHON


@pytest.mark.parametrize(
    ("path", "shown", "shell"),
    [
        ("opt/zen/zen-bin", "", True),
        ("firefox", "", False),
        ("discord", "discord", True),
        ("a\u202eb\nc", "a\ufffdb\ufffdc", False),
    ],
    ids=ascii,
)
def test_the_window_says_what_started_the_host(
    home: Path,
    window: dict[str, str],
    tmp_path: Path,
    path: str,
    shown: str,
    *,
    shell: bool,
) -> None:
    beside = ["libxul.so"] if path.startswith("opt") else []
    under = started_by(tmp_path / "programs" / path, *beside)
    assert named(home, window, [*under, *(WRAPPER if shell else [])]) == shown


@pytest.mark.parametrize("program", ["firefox", "discord"])
def test_only_a_browser_gets_the_certificate_of_a_login_without_a_window(
    home: Path, window: dict[str, str], tmp_path: Path, program: str
) -> None:
    card = MockCardState.open(home / MOCK_FOLDER).read()
    login = hashlib.sha256(card.keys[0].certificate).digest()
    script = Script(home, "cancel")
    host = HostProcess(
        window,
        OWN_CALLER,
        prompt_command=script.command,
        under=started_by(tmp_path / "programs" / program),
    )
    try:
        assert host.receive()
        answer = host.ask(
            "get-signing-certificate",
            origin=ORIGIN,
            userActivation=True,
            identifiedBy=base64.b64encode(login).decode(),
        )
        host.end_input()
        host.wait()
    finally:
        host.put_away()
    opened = [each for each in script.told() if each["type"] == "open"]
    if program == "firefox":
        given = base64.b64decode(answer["result"]["certificate"])
        assert given == card.keys[1].certificate
        assert opened == []
    else:
        assert answer["error"]["code"] == "USER_CANCELLED"
        assert [each["conversation"]["caller"] for each in opened] == [program]
