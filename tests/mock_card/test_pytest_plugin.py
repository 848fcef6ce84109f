# SPDX-License-Identifier: MIT
"""The pytest plugin: a service's own tests log in with three lines."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.patience import patience

PLUGIN = "kortilla.testing.pytest_plugin"

ALL_OF_IT = """
import asyncio

import pytest
from asn1crypto import x509

from kortilla import Trust, validate
from kortilla.testing import CardUnusableError, Fault, OriginRefusedError


ORIGIN, NONCE = "http://localhost:8080", "A" * 43 + "="

def identify(card, origin=ORIGIN):
    token = card.token(origin, NONCE)
    trust = Trust.from_folder(card.folder, test=True)
    return asyncio.run(validate(token, origin=origin, nonce=NONCE, trust=trust))

def refusal(call, *arguments):
    with pytest.raises(CardUnusableError) as caught:
        call(*arguments)
    return caught.value.code

def test_it_works_without_an_event_loop_and_for_a_server_on_this_computer(
    kortilla_card,
):
    assert identify(kortilla_card).satu == kortilla_card.person.satu

@pytest.mark.parametrize("reader", [False, True])
def test_a_card_that_is_not_there_is_an_error_at_once(kortilla_card, reader):
    kortilla_card.state.pull(reader=reader)
    missing = "NO_READER" if reader else "NO_CARD"
    assert refusal(kortilla_card.token, ORIGIN, NONCE) == missing
    kortilla_card.state.insert()
    assert identify(kortilla_card).satu == kortilla_card.person.satu

@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_fresh_copy(kortilla_card, turn):
    with kortilla_card.state.update() as data:
        assert data.pin1.tries == 5
        data.pin1.tries = 0
    assert refusal(kortilla_card.token, ORIGIN, NONCE) == "PIN_BLOCKED"
    kortilla_card.sign(ORIGIN, {"a": bytes(48)})

def test_the_keys_are_made_once_and_the_ca_stays(make_kortilla_card):
    first, second = make_kortilla_card(), make_kortilla_card()
    assert first.folder != second.folder
    assert first.issuing_ca.read_bytes() == second.issuing_ca.read_bytes()
    assert first.root_ca.read_bytes() == second.root_ca.read_bytes()
    issuing, root = (
        x509.Certificate.load(path.read_bytes())
        for path in (first.issuing_ca, first.root_ca)
    )
    assert issuing.issuer == root.subject

@pytest.mark.parametrize(
    ("state", "token", "sign"),
    [
        ("expired", "CARD_EXPIRED", "CARD_EXPIRED"),
        ("new", "CARD_NOT_ACTIVATED", "CARD_NOT_ACTIVATED"),
        ("partly-activated", None, "CARD_NOT_ACTIVATED"),
        ("pin1-blocked", "PIN_BLOCKED", None),
        ("pin2-blocked", None, "PIN_BLOCKED"),
        ("last-try", None, None),
    ],
)
def test_states(make_kortilla_card, state, token, sign):
    card = make_kortilla_card(state=state)
    tries = [(pin.tries) for pin in (card.state.read().pin1, card.state.read().pin2)]
    for call, arguments, code in (
        (card.token, (ORIGIN, NONCE), token),
        (card.sign, (ORIGIN, {"a": bytes(48)}), sign),
    ):
        if code:
            assert refusal(call, *arguments) == code
        else:
            call(*arguments)
    data = card.state.read()
    assert [data.pin1.tries, data.pin2.tries] == tries

def test_faults(kortilla_card):
    for fault, code in (("mute", "CARD_MUTE"), ("6F00", "CARD_ERROR")):
        kortilla_card.state.set_faults(Fault(fault, on="verify"), Fault("delay"))
        assert refusal(kortilla_card.token, ORIGIN, NONCE) == code
    kortilla_card.state.set_faults(Fault("card-pulled", on="sign"))
    assert refusal(kortilla_card.token, ORIGIN, NONCE) == "CARD_REMOVED"
    assert refusal(kortilla_card.token, ORIGIN, NONCE) == "NO_CARD"

def test_an_origin_that_no_browser_gives_is_refused(kortilla_card):
    with pytest.raises(OriginRefusedError):
        kortilla_card.token("http://service.example", NONCE)
"""


def run_tests(folder: Path, tests: str) -> str:
    """Run a file of tests in a separate pytest; they pass."""
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    (folder / "test_service.py").write_text(tests)
    plugins = [f"-p{name}" for name in (PLUGIN, "pytest_asyncio.plugin")]
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *plugins, "-v", "-W", "error"),
            *("-p", "no:cacheprovider", f"--basetemp={folder / 'temporary'}"),
        ],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        check=False,
        text=True,
        timeout=patience(),
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_all_that_the_plugin_gives(tmp_path: Path) -> None:
    """``test_documentation.py`` has the example of the guide, a login."""
    assert "14 passed" in run_tests(tmp_path, ALL_OF_IT)


def test_loading_the_plugin_loads_nothing_else() -> None:
    program = f"""
import sys
import pytest
before = set(sys.modules)
import {PLUGIN}
print(*sorted(set(sys.modules) - before))
"""
    finished = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.split() == [
        "kortilla",
        "kortilla.common",
        "kortilla.common.imports",
        "kortilla.testing",
        PLUGIN,
    ]
