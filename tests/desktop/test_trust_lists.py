# SPDX-License-Identifier: MIT
"""The page *Check* and signatures from other countries, with a small EU on loopback."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from kortilla.revocation import Revocation
from native_host.config import config_path, load_config
from native_host.desktop.pages.check import Page
from native_host.desktop.window import Window
from native_host.files import revocation
from native_host.platform.paths import lists_folder
from tests.desktop.conftest import Open, buttons, headings, hear, page_of, until, words
from tests.kortilla.foreign_files import foreign_pdf
from tests.kortilla.pki import CA
from tests.kortilla.responder import OCSPAnswer, addresses
from tests.kortilla.small_eu import (
    LONG_AGO,
    Authority,
    SmallEU,
    add_three,
    qualified_leaf,
    serving,
    statements,
)

GET = "Get the trusted lists"
VALID = "The signature is valid."
CANT_SAY = "It could not be confirmed that the signature is valid."


@pytest.fixture(scope="module")
def authority() -> CA:
    return CA.create("SPECIMEN-ESTEID", country="EE")


@pytest.fixture
def eu(authority: CA, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallEU]:
    """A small EU, with the responder of an Estonian authority."""
    monkeypatch.setenv("KORTILLA_CONFIG", str(home / "config.toml"))
    private = partial(Revocation, allow_private_addresses=True)
    monkeypatch.setattr(revocation, "Revocation", private)
    with serving() as eu:
        add_three(eu, authority)
        eu.server.handlers["ocsp/issuing"] = OCSPAnswer(authority, at=eu.now)
        eu.publish()
        [signer] = eu.lists.signers
        config_path().write_text(
            f'trust_lists = "{eu.lists.address}"\ntrust_list_signers = ["{signer}"]\n'
        )
        yield eu


@pytest.fixture
def estonian(eu: SmallEU, authority: CA, tmp_path: Path) -> Path:
    """A PDF with an Estonian signature."""
    responder = addresses(eu.server.address, "issuing")
    leaf = qualified_leaf(authority, extra=[statements(), *responder])
    file = tmp_path / "leping.pdf"
    file.write_bytes(asyncio.run(foreign_pdf(leaf)))
    return file


def check(window: Window, *files: Path) -> Page:
    page = page_of(window, Page)
    page.services.config = load_config()
    page.take(files)
    until(lambda: page._running is None)
    return page


def get(page: Page) -> None:
    """Press the button, and wait until the lists came and the files are judged."""
    buttons(page)[GET].click()
    until(lambda: page._lists._running is None and page._running is None)


def test_the_button_gets_the_lists_and_the_signature_is_valid(
    open_window: Open, eu: SmallEU, estonian: Path
) -> None:
    page = check(open_window(), estonian)
    assert CANT_SAY in headings(page)
    assert any("Nothing about you or your files is sent." in w for w in words(page))
    foreign = "The certificate is foreign. It names “SPECIMEN-ESTEID, Estonia” as"
    assert any(each.startswith(foreign) for each in words(page))
    # The Finnish authority's certificates would not help.
    assert page._has_authority is False
    assert "Get the certificates" not in buttons(page)
    asked = eu.server.asked
    assert asked == []
    get(page)
    assert VALID in headings(page)
    said = words(page)
    assert not any("is foreign" in each for each in said)
    assert "1. MARI SPECIMEN-TAMM: valid" in said
    assert "The certificate was issued by SPECIMEN Eesti, Estonia." in said
    assert any("qualified electronic signature" in each for each in said)
    assert "The certificate has not been revoked." in said
    assert GET not in buttons(page)
    # The identity code is for experts.
    assert not any("48001010000" in each for each in said)
    buttons(page)["Technical details"].click()
    assert any("PNOEE-48001010000" in each for each in words(page))
    assert not any("SATU" in each for each in words(page))
    assert sorted(set(asked)) == [
        *("BE.xml", "EE.xml", "LV.xml", "lotl.xml", "ocsp/issuing")
    ]


def test_an_authority_that_was_withdrawn_vouches_for_nobody(
    open_window: Open, eu: SmallEU, estonian: Path, authority: CA
) -> None:
    states = [("withdrawn", eu.now - timedelta(days=3)), ("granted", LONG_AGO)]
    eu.change("EE", authorities=[Authority(authority.der, states=states)])
    eu.publish()
    page = check(open_window(), estonian)
    get(page)
    assert CANT_SAY in headings(page)
    assert any("was not approved in the EU" in each for each in words(page))
    assert GET not in buttons(page)
    assert "ocsp/issuing" not in eu.server.asked


def test_a_forged_list_is_refused_and_named(
    open_window: Open, eu: SmallEU, estonian: Path
) -> None:
    eu.change("EE", signer=eu.signers["BE"])
    eu.publish()
    page = check(open_window(), estonian)
    get(page)
    assert CANT_SAY in headings(page)
    [notice] = [each for each in words(page) if each.startswith("Not all")]
    assert "Estonia: The list was signed by somebody who may not sign it." in notice
    assert "are too old or not complete" in " ".join(words(page))
    # Perhaps the right one comes next time.
    eu.change("EE", signer=eu.signers["EE"])
    eu.publish()
    get(page)
    assert VALID in headings(page)
    assert GET not in buttons(page)


def test_lists_that_are_too_old_count_for_nothing_until_new_ones_came(
    open_window: Open, eu: SmallEU, estonian: Path
) -> None:
    page = check(open_window(), estonian)
    get(page)
    kept = lists_folder() / "EE.json"
    due = eu.now + timedelta(days=60)
    over = eu.now - timedelta(days=1)
    text = kept.read_text()
    assert due.strftime("%Y-%m-%dT%H:%M:%SZ") in text
    kept.write_text(
        text.replace(
            due.strftime("%Y-%m-%dT%H:%M:%SZ"), over.strftime("%Y-%m-%dT%H:%M:%SZ")
        )
    )
    page.take([estonian])
    until(lambda: page._running is None)
    assert CANT_SAY in headings(page)
    assert any("on this computer are too old" in each for each in words(page))
    eu.change("EE", sequence=8)
    eu.publish()
    get(page)
    assert VALID in headings(page)


def test_without_a_network_it_says_so_and_the_button_stays(
    open_window: Open, eu: SmallEU, estonian: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eu.server.handlers.clear()
    window = open_window()
    page, heard = check(window, estonian), hear(window.services, monkeypatch)
    get(page)
    assert heard[0].startswith("Getting the trusted lists")
    assert "Check that the computer is online" in heard[-1]
    assert any("Check that the computer is online" in each for each in words(page))
    assert CANT_SAY in headings(page)
    assert GET in buttons(page)
    # Another file does not repeat it.
    page.take([estonian])
    until(lambda: page._running is None)
    assert not any("computer is online" in each for each in words(page))


def test_getting_the_lists_can_be_stopped(
    open_window: Open, eu: SmallEU, estonian: Path
) -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    eu.server.handlers["lotl.xml"] = silent
    page = check(open_window(), estonian)
    buttons(page)[GET].click()
    assert any("Getting the trusted lists" in each for each in words(page))
    buttons(page)["Stop"].click()
    until(lambda: page._running is None)
    assert GET in buttons(page)
    eu.publish()
    get(page)
    assert VALID in headings(page)
