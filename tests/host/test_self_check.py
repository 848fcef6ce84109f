# SPDX-License-Identifier: MIT
"""The self-check and the token's switch, as Kortilla's own pages ask for them."""

import json
from pathlib import Path
from typing import Any

import pytest

from native_host.install import nss
from tests.host.process import (
    HostProcess,
    Script,
    kortilla,
    make_environment,
    running,
)
from tests.host.test_own_page import (
    CHROMIUM_CALLER,
    CHROMIUM_PAGE,
    FIREFOX_PAGE,
)
from tests.install.nss_databases import make_profile
from tests.install.test_token import listed

MANIFEST = ".config/chromium/NativeMessagingHosts/fi.kortilla.host.json"
MODULE = ".config/pkcs11/modules/kortilla.module"
FIREFOX_MANIFEST = ".mozilla/pkcs11-modules/kortilla.json"


def codes(answer: dict[str, Any]) -> set[str]:
    return {each["code"] for each in answer["result"]["findings"]}


@pytest.fixture
def installed(home: Path, window: dict[str, str]) -> dict[str, str]:
    """A home with both browsers and the program installed."""
    (home / ".config/chromium").mkdir(parents=True)
    make_profile(home / ".mozilla/firefox")
    assert "error" not in kortilla(window, "install")
    return window


def test_a_page_gets_what_the_command_prints(
    home: Path, installed: dict[str, str]
) -> None:
    before = (home / ".local/share/kortilla/mock-card/card.json").read_bytes()
    script = Script(home)
    with script.running(installed) as host:
        told = host.ask("self-check", page=FIREFOX_PAGE, lang="sv")["result"]
        # The port serves for more than one.
        assert "result" in host.ask("card-status", page=FIREFOX_PAGE)
    assert script.told() == [], "no window"
    # The configured language wins, as everywhere.
    command = ("doctor", "--lang", "en")
    assert told == kortilla(installed, *command, status=None)
    card = home / ".local/share/kortilla/mock-card/card.json"
    assert card.read_bytes() == before


def test_a_broken_configuration_is_said_by_the_check_and_refused_elsewhere(
    home: Path,
) -> None:
    environment = make_environment(home, 'card = "paper"\n')
    with running(environment) as host:
        answer = host.ask("self-check", page=FIREFOX_PAGE, lang="sv")
        assert "CONFIG_BROKEN" in codes(answer)
        [broken] = (
            each
            for each in answer["result"]["findings"]
            if each["code"] == "CONFIG_BROKEN"
        )
        assert "inställningsfil" in broken["message"]
        refused = host.ask("card-status", page=FIREFOX_PAGE)
        assert refused["error"]["code"] == "CONFIG_BROKEN"
        stranger = host.ask("self-check", page=FIREFOX_PAGE, origin="https://a.example")
        assert stranger["error"]["code"] == "CALLER_REFUSED"


def test_what_is_mended_is_named_by_its_code_alone(
    home: Path, installed: dict[str, str]
) -> None:
    (home / MANIFEST).unlink()
    with running(installed) as host:
        assert host.ask("mend", page=FIREFOX_PAGE, code="MANIFEST_BROKEN") == {
            "id": "1",
            "result": {},
        }
        assert not (home / MANIFEST).exists(), "that is not what is wrong"
        # A person's own command, and one for root, are nobody's to run here.
        for code in ("PIN_BLOCKED", "PCSCD_STOPPED", "NO_READER"):
            assert "result" in host.ask("mend", page=FIREFOX_PAGE, code=code)
        assert not (home / MANIFEST).exists()
        assert "result" in host.ask("mend", page=FIREFOX_PAGE, code="MANIFEST_MISSING")
        assert (home / MANIFEST).exists()


def test_what_an_open_browser_uses_is_mended_after_a_confirmation(
    home: Path, installed: dict[str, str]
) -> None:
    assert "error" not in kortilla(installed, "pkcs11", "enable")
    database = home / ".pki/nssdb"
    nss.delete_module(database, "Kortilla")
    with (database / "cert9.db").open(), running(installed) as host:
        wanted = {"page": FIREFOX_PAGE, "code": "PKCS11_INCOMPLETE"}
        answer = host.ask("mend", **wanted)
        assert answer["error"]["code"] == "BROWSER_RUNNING"
        assert listed(database) == {}
        assert host.ask("mend", **wanted, confirmed=True)["result"] == {}
        assert set(listed(database)) == {"Kortilla"}


def switch(host: HostProcess, page: str, **on: bool) -> dict[str, Any]:
    command = "token-switch" if on else "token-status"
    answer = host.ask(command, page=page, **on)
    told: dict[str, Any] = answer.get("result") or answer["error"]
    return told


def test_chromium_is_switched_on_and_off_and_starts_anew(
    home: Path, window: dict[str, str]
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    database = home / ".pki/nssdb"
    with running(window, CHROMIUM_CALLER) as host:
        assert switch(host, CHROMIUM_PAGE) == {"shown": False, "restart": False}
        on = switch(host, CHROMIUM_PAGE, on=True)
        assert on == {"shown": True, "restart": False}
        assert set(listed(database)) == {"Kortilla"}
        # Once it is open, the browser that began before the change has the old list.
        with (database / "cert9.db").open():
            assert switch(host, CHROMIUM_PAGE)["restart"]
            off = switch(host, CHROMIUM_PAGE, on=False)
            assert off == {"shown": False, "restart": True}
        assert listed(database) == {}
        assert not (home / MODULE).exists()
        # What is so already is no error.
        assert not switch(host, CHROMIUM_PAGE, on=False)["shown"]


def test_a_popup_that_is_closed_does_not_leave_the_switch_half_way(
    home: Path, window: dict[str, str]
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    arguments = {"page": CHROMIUM_PAGE, "on": True}
    with running(window, CHROMIUM_CALLER) as host:
        host.send({"id": "1", "command": "token-switch", "arguments": arguments})
        host.until((home / MODULE).exists)
        host.end_input()
        assert host.wait() == 0
    # The command writes this last, and holds nobody up.
    with running(window, CHROMIUM_CALLER) as host:
        host.until(lambda: switch(host, CHROMIUM_PAGE)["shown"])


def test_firefox_gets_the_files_and_its_database_is_left_to_itself(
    home: Path, window: dict[str, str]
) -> None:
    profile = make_profile(home / ".mozilla/firefox")
    with running(window) as host:
        assert switch(host, FIREFOX_PAGE) == {"shown": False, "restart": False}
        on = switch(host, FIREFOX_PAGE, on=True)
        assert on == {"shown": True, "restart": False}
        assert (home / MODULE).exists() and (home / FIREFOX_MANIFEST).exists()
        assert listed(profile) == {}
        library = json.loads((home / FIREFOX_MANIFEST).read_text())["path"]
        nss.add_module(profile, nss.NssModule("Kortilla", library))
        # Another profile still has the module.
        assert switch(host, FIREFOX_PAGE, on=False)["shown"]
        assert (home / MODULE).exists() and (home / FIREFOX_MANIFEST).exists()
        nss.delete_module(profile, "Kortilla")
        assert not switch(host, FIREFOX_PAGE, on=False)["shown"]
        assert not (home / MODULE).exists() and not (home / FIREFOX_MANIFEST).exists()


def test_somebody_elses_file_is_not_written_over(
    home: Path, window: dict[str, str]
) -> None:
    (home / MODULE).parent.mkdir(parents=True)
    (home / MODULE).write_text("module: /usr/lib/specimen.so\n")
    with running(window) as host:
        assert switch(host, FIREFOX_PAGE, on=True)["code"] == "INSTALL_FAILED"
        assert not switch(host, FIREFOX_PAGE)["shown"]
    assert (home / MODULE).read_text() == "module: /usr/lib/specimen.so\n"
