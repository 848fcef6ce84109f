# SPDX-License-Identifier: MIT
"""The window names a program that is no browser, despite its claims."""

import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.host.conftest import Scripted
from tests.host.process import NONCE, ORIGIN, OWN_CALLER, WEB_EID_CALLER, Script
from tests.host.signing import b64, card_of

#: The name of the program that runs this test.
PYTHON = Path(sys.executable).resolve().name
#: A shell that stays the host's parent.
WRAPPER = ["sh", "-c", '"$@"; exit $?', "wrapper"]


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
    caller: Sequence[str] = OWN_CALLER,
    **options: Any,
) -> str:
    """Return the program that the window names for a host started this way."""
    script = Script(folder, "cancel")
    with script.running(environment, caller, **options) as host:
        if caller == OWN_CALLER:
            host.authenticate()
        else:
            values = {"challengeNonce": NONCE, "origin": ORIGIN}
            host.send({"command": "authenticate", "arguments": values})
            host.answer()
        host.end_input()
        host.wait()
    assert script.opened()["origin"] == ORIGIN
    return str(script.opened()["caller"])


@pytest.mark.parametrize(
    "caller", [OWN_CALLER, WEB_EID_CALLER, ()], ids=["own", "web-eid", "portal"]
)
def test_a_script_that_gives_an_extensions_id_is_named(
    home: Path, window: dict[str, str], caller: tuple[str, ...]
) -> None:
    assert named(home, window, caller, anew=caller == OWN_CALLER) == PYTHON


@pytest.mark.parametrize(
    ("path", "shown", "shell"),
    [("opt/zen/zen-bin", "", True), ("a\u202eb\nc", "a\ufffdb\ufffdc", False)],
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
    """test_processes.py has the names of all programs."""
    beside = ["libxul.so"] if path.startswith("opt") else []
    under = started_by(tmp_path / "programs" / path, *beside)
    assert named(home, window, under=[*under, *(WRAPPER if shell else [])]) == shown


@pytest.mark.parametrize(("program", "shown"), [("firefox", ""), ("discord",) * 2])
def test_the_window_says_who_had_a_service_start_the_host(
    home: Path, window: dict[str, str], tmp_path: Path, program: str, shown: str
) -> None:
    """test_calling_program.py has all that can ask."""
    service = started_by(tmp_path / "service/xdg-native-messaging-proxy")
    asking = tmp_path / program
    shutil.copy("/bin/cat", asking)
    under = ["sh", "-c", '"$0" | "$@"', str(asking), *service]
    assert named(home, window, under=under) == shown


@pytest.mark.parametrize("program", ["firefox", "discord"])
def test_only_a_browser_gets_the_certificate_of_a_login_without_a_window(
    scripted: Scripted, home: Path, tmp_path: Path, program: str
) -> None:
    login, signing = (key.certificate for key in card_of(home).keys)
    script = scripted("cancel")
    under = started_by(tmp_path / "programs" / program)
    with script.running(under=under) as host:
        answer = host.ask(
            "get-signing-certificate",
            origin=ORIGIN,
            userActivation=True,
            identifiedBy=b64(hashlib.sha256(login).digest()),
        )
        host.end_input()
        host.wait()
    if program == "firefox":
        assert answer["result"]["certificate"] == b64(signing)
        assert not any(each["type"] == "open" for each in script.told())
    else:
        assert answer["error"]["code"] == "USER_CANCELLED"
        assert script.opened()["caller"] == program
