# SPDX-License-Identifier: MIT
"""People log in, sign, activate a card and change PINs by real keys, over winscard.

The host runs as a browser starts it on Windows, and the test takes the browser's part.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kortilla import Trust, validate
from tests.host.process import NONCE, ORIGIN, HostProcess, own_arguments, running
from tests.host.signing import announced, chunks, digest, signing, verify
from tests.host.test_manage import ACTIVATE, DONE, PAGE, pins
from tests.windows.conftest import Insert
from tests.windows.wine import Person, Wine

PIN1, PIN2 = "1234", "123456"
DOCUMENTS = {
    "SPECIMEN-sopimus.txt": b"Hyv\xc3\xa4ksyn.",
    "SPECIMEN-liite.txt": b"Liite.",
}
#: What its end makes Qt say under Wine.
_WINE = "Failed to post a message"


#: What a browser does to start the host, in Python.
_START = """\
import subprocess, sys
streams = {"stdin": sys.stdin, "stdout": sys.stdout, "stderr": sys.stderr}
sys.exit(subprocess.call(sys.argv[1:], **streams))
"""


@contextmanager
def sound(wine: Wine, **options: Any) -> Iterator[HostProcess]:
    """Run a host, which ends within the test and then has reported no error."""
    with running(wine.environment, **options) as host:
        yield host
        host.end_input()
        assert host.wait() == 0
        assert [each for each in host.log().splitlines() if _WINE not in each] == []


@pytest.fixture
def host(wine: Wine) -> Iterator[HostProcess]:
    with sound(wine, installed=wine.host) as host:
        yield host


def test_login(wine: Wine, insert: Insert, person: Person) -> None:
    card = insert()
    manifest = wine.data / "host/chromium/fi.kortilla.host.json"
    host = json.loads(manifest.read_text())["path"]
    with (
        wine.browser() as browser,
        sound(wine, under=[*browser, "-I", "-c", _START], installed=[host]) as host,
    ):
        host.begin_login()
        window = person.see("authenticate")
        assert not person.warns(window)
        person.picture("login-by-browser", window)
        person.type(PIN1)
        token = host.answer()["result"]
    trust = Trust.from_folder(card.state.folder, test=True)
    identity = asyncio.run(validate(token, origin=ORIGIN, nonce=NONCE, trust=trust))
    assert identity.surname == "SPECIMEN-VIRTANEN"


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_a_person_cancels(
    host: HostProcess, insert: Insert, person: Person, language: str
) -> None:
    insert()
    person.language = language
    arguments = own_arguments(lang=language)
    host.send({"id": "1", "command": "authenticate", "arguments": arguments})
    window = person.see("authenticate")
    assert person.warns(window)  # a program of Linux has started the host
    person.picture(f"login-{language}", window)
    person.screen.press("Escape")
    assert host.answer()["error"]["code"] == "USER_CANCELLED"


def test_documents_are_signed(
    host: HostProcess, insert: Insert, person: Person
) -> None:
    insert()
    host.send(signing(documents=announced(DOCUMENTS)))
    for each in chunks(DOCUMENTS):
        host.send(each)
    person.see("sign")
    person.type(PIN2)
    result = host.answer()["result"]
    for signed, content in zip(result["signatures"], DOCUMENTS.values(), strict=True):
        verify(result["certificate"], signed, digest(content, signed["hashFunction"]))


def test_a_new_card_is_activated(
    host: HostProcess, insert: Insert, person: Person
) -> None:
    card = insert("v5-2026", "new")
    host.send(ACTIVATE)
    for codes in (["1234567"], ["3691"] * 2, ["739146"] * 2):
        person.see("activate")
        person.type(*codes)
    person.close()
    assert host.answer()["result"] == DONE
    assert pins(card.state) == ("3691", "739146")


def test_a_pin_is_changed(host: HostProcess, insert: Insert, person: Person) -> None:
    card = insert()
    arguments = {"page": PAGE, "pin": "PIN1"}
    host.send({"id": "1", "command": "change-pin", "arguments": arguments})
    person.see("change-pin", "PIN1")
    person.type(PIN1, "2580", "2580")
    person.close()
    assert host.answer()["result"] == {"pin1": "set"}
    assert pins(card.state) == ("2580", PIN2)


def test_a_pin_is_unlocked(host: HostProcess, insert: Insert, person: Person) -> None:
    card = insert()
    with card.state.update() as data:
        data.pin1.tries = 0
        puk = data.puk.value
    arguments = {"page": PAGE, "pin": "PIN1"}
    host.send({"id": "1", "command": "unblock", "arguments": arguments})
    person.see("unblock", "PIN1")
    person.type(puk, "2580", "2580")
    person.close()
    assert host.answer()["result"] == {"pin1": "set"}
    assert pins(card.state) == ("2580", PIN2)
