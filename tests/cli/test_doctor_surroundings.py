# SPDX-License-Identifier: MIT
"""``kortilla doctor`` on browsers, token, agent, screen and other programs."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import native_host
from native_host.doctor.browsers import check_extension
from native_host.doctor.surroundings import (
    check_screen,
    check_screen_reader,
)
from tests.cli.conftest import Run
from tests.cli.doctor import (
    CHROMIUM,
    DOCTOR,
    FIREFOX,
    MODULE,
    codes,
    configure,
    faults,
    found_by,
)
from tests.pin_prompt.accessibility_bus import open_accessibility_bus
from tests.support.commands import KORTILLA
from tests.support.ordinary import as_ordinary, program_called
from tests.support.patience import patience
from tests.support.screen import open_screen

pytestmark = pytest.mark.usefixtures("no_screen", "warm_card_status")


def p11_kit_codes(home: Path) -> dict[str, Any]:
    """Return what a doctor finds whom p11-kit takes for an ordinary user's."""
    finished = subprocess.run(
        as_ordinary(*KORTILLA, *DOCTOR, "--json"),
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(),
    )
    return {each["code"]: each for each in json.loads(finished.stdout)["findings"]}


def test_p11_kit_itself_is_asked_whether_the_token_answers(installed: Path) -> None:
    assert "PKCS11_WORKS" in p11_kit_codes(installed)
    # The token's program ends at once. Only a call shows it.
    configure(installed, 'card = "paper"')
    found = p11_kit_codes(installed)
    assert "PKCS11_WORKS" not in found
    # Root's p11-kit would ignore all of it.
    assert ("PKCS11_FAILED" in found) == bool(os.getuid())
    assert ("PKCS11_ROOT" in found) == (not os.getuid())


def test_what_was_switched_off_or_is_somebody_elses_is_no_fault(
    run: Run, installed: Path, tmp_path: Path
) -> None:
    assert run("pkcs11", "disable").status == 0
    assert run("agent", "--disable").status == 0
    (installed / ".var/app/org.mozilla.firefox").mkdir(parents=True)  # its remains
    other = installed / ".config/chromium/NativeMessagingHosts/eu.webeid.json"
    other.write_text(json.dumps({"name": "eu.webeid", "path": "/usr/bin/web-eid"}))
    program = program_called("scdaemon", shutil.which("sleep") or "", tmp_path)
    with subprocess.Popen([program, "600"]) as running:
        outcome = run(*DOCTOR, "--fix", "--yes")
        running.kill()
    assert faults(outcome) == set()
    assert outcome.result["mended"] == []
    assert not (installed / MODULE).exists()
    found = codes(outcome)
    assert found["PKCS11_OFF"]["severity"] == "info"
    assert found["AGENT_DISABLED"]["mend"]["command"] == "kortilla agent --enable"
    assert found["BROWSER_CONFINED"]["severity"] == "info"
    assert found["WEB_EID_OTHER_PROGRAM"]["details"] == {"browser": "Chromium"}
    program_details = {"program": "GnuPG (scdaemon)"}
    assert found["OTHER_PROGRAM_RUNS"]["details"] == program_details


def test_another_file_in_the_place_of_the_module_is_named(
    run: Run, installed: Path
) -> None:
    (installed / MODULE).write_text("module: other.so\n")
    assert "PKCS11_OTHER_MODULE" in faults(run(*DOCTOR))


def test_browsers_in_a_sandbox_are_named_and_no_browser_is_too(
    run: Run, home: Path
) -> None:
    assert codes(run(*DOCTOR))["NO_BROWSER"]["mend"] is None
    assert "Start the browser once" in run(*DOCTOR, json=False).words
    (home / ".var/app/org.chromium.Chromium").mkdir(parents=True)
    found = codes(run(*DOCTOR))
    confined = {"browser": "Chromium", "kind": "flatpak"}
    assert found["BROWSER_CONFINED"]["details"] == confined
    assert "NO_BROWSER" in found
    (home / "snap/firefox").mkdir(parents=True)
    found = codes(run(*DOCTOR))
    assert found["BROWSER_PORTAL"]["details"] == {"browser": "Firefox", "kind": "snap"}
    assert found["MANIFEST_MISSING"]["details"] == {"browser": "Firefox"}


@pytest.mark.parametrize(
    ("version", "fields", "code"),
    [
        (native_host.VERSION, {}, "EXTENSION_FITS"),
        ("9.8", {}, "EXTENSION_OTHER_VERSION"),
        ("SPECIMEN", {}, "EXTENSION"),
        (native_host.VERSION, {"disable_reasons": [1]}, "EXTENSION_DISABLED"),
    ],
)
def test_the_extension_is_looked_for_in_chromiums_profiles(
    installed: Path, version: str, fields: dict[str, Any], code: str
) -> None:
    [extension] = re.findall(
        "chrome-extension://([a-p]{32})/", (installed / CHROMIUM).read_text()
    )[:1]
    settings = {extension: {"manifest": {"version": version}, "path": "x", **fields}}
    profile = installed / ".config/chromium/Default"
    profile.mkdir()
    (profile / "Secure Preferences").write_text(
        json.dumps({"extensions": {"settings": settings}})
    )
    found = found_by(check_extension)
    assert found[code]["browser"] == "Chromium"
    assert found["EXTENSION_NOT_SEEN"]["browser"] == "Firefox"


def test_the_extension_is_looked_for_in_firefoxs_profiles(installed: Path) -> None:
    [extension] = json.loads((installed / FIREFOX).read_text())["allowed_extensions"]
    path = installed / ".mozilla/firefox/abc.default/extensions.json"
    addons = [{"id": extension, "version": native_host.VERSION, "active": True}]
    path.write_text(json.dumps({"addons": addons}))
    fits = {"browser": "Firefox", "version": native_host.VERSION}
    assert found_by(check_extension)["EXTENSION_FITS"] == fits


def test_what_browsers_wrote_may_be_anything(installed: Path) -> None:
    profile = installed / ".config/chromium/Default"
    profile.mkdir()
    for content in ("[" * 100_000, "[]", '{"extensions": []}', "\0"):
        (profile / "Preferences").write_text(content)
        (installed / ".mozilla/firefox/abc.default/extensions.json").write_text(content)
        assert set(found_by(check_extension)) == {"EXTENSION_NOT_SEEN"}


def test_a_screen_is_really_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_screen() as screen:
        monkeypatch.setenv("DISPLAY", screen.display)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
        assert found_by(check_screen) == {"SCREEN": {"system": "X11"}}
        assert set(found_by(check_screen_reader)) == {"SCREEN_READERS_IMPOSSIBLE"}
        with open_accessibility_bus(screen.display) as bus:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.session)
            assert set(found_by(check_screen_reader)) == {"SCREEN_READERS_POSSIBLE"}
    assert set(found_by(check_screen)) == {"SCREEN_UNREACHABLE"}
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert set(found_by(check_screen)) == {"SCREEN_UNREACHABLE"}
