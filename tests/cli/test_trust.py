# SPDX-License-Identifier: MIT
"""``kortilla trust``: fetching the EU's trusted lists, and what is here of them."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from native_host.platform.paths import lists_folder
from tests.cli.conftest import Run
from tests.kortilla.pki import CA
from tests.kortilla.small_eu import SmallEU, add_three, serving

Configure = Callable[[str], object]


@pytest.fixture
def eu(configure: Configure) -> Iterator[SmallEU]:
    """A small EU, which the configuration names in place of the real one."""
    with serving() as eu:
        add_three(eu, CA.create("SPECIMEN-ESTEID"))
        eu.publish()
        [signer] = eu.lists.signers
        configure(
            f'trust_lists = "{eu.lists.address}"\ntrust_list_signers = ["{signer}"]'
        )
        yield eu


def test_lists_are_fetched_and_named_in_each_language(run: Run, eu: SmallEU) -> None:
    before = run("trust", "status", "--lang", "en", json=False)
    assert (before.status, before.lines) == (
        1,
        [
            "The EU's trusted lists are not on this computer. "
            "“kortilla trust update” gets them."
        ],
    )
    assert run("trust", "update").result["lists"][0] == {
        "territory": "EU",
        "problem": "",
        "detail": "",
        "kept": True,
    }
    for lang, country in (("fi", "Viro"), ("sv", "Estland"), ("en", "Estonia")):
        done = run("trust", "update", "--lang", lang, json=False)
        assert done.status == 0
        assert ": 3" in done.lines[-1]
        status = run("trust", "status", "--lang", lang, json=False)
        assert status.status == 0
        assert len(status.lines) == 4
        assert any(line.startswith(f"{country}: ") for line in status.lines)
    result = run("trust", "status").result
    assert result["current"] is True
    assert [each["territory"] for each in result["lists"]] == ["EU", "BE", "EE", "LV"]
    assert result["lists"][2]["services"] == 1
    assert result["folder"] == str(lists_folder())


def test_what_is_wrong_is_said(run: Run, eu: SmallEU) -> None:
    assert run("trust", "update").status == 0
    eu.change("EE", sequence=1)
    eu.change("BE", next_update=timedelta(days=-1))
    del eu.server.handlers["LV.xml"]
    eu.publish()
    del eu.server.handlers["LV.xml"]
    outcome = run("trust", "update", "--lang", "en", json=False)
    assert outcome.status == 1
    said = "\n".join(outcome.lines)
    assert (
        "Estonia: A list came that is older than the one here. It was refused. "
        "The earlier list stays in use." in said
    )
    assert "Belgium: The list is too old and no longer valid." in said
    assert "Latvia: The list could not be downloaded." in said
    found = {each["territory"]: each for each in run("trust", "update").result["lists"]}
    assert found["EE"]["problem"] == "older"
    assert found["EE"]["kept"] is True


def test_without_a_network_it_says_so_and_keeps_the_lists(
    run: Run, eu: SmallEU
) -> None:
    assert run("trust", "update").status == 0
    eu.server.handlers.clear()
    outcome = run("trust", "update", "--lang", "en", json=False)
    assert outcome.status == 1
    assert "Check that the computer is online" in outcome.lines[0]
    assert run("trust", "status").status == 0


@pytest.mark.parametrize(
    "text",
    [
        'trust_lists = "https://a.example/lotl.xml"',
        'trust_list_signers = ["00"]',
        'trust_lists = "https://a.example/lotl.xml"\ntrust_list_signers = ["00"]',
    ],
)
def test_a_configuration_that_pins_nobody_is_refused(
    run: Run, configure: Configure, text: str
) -> None:
    configure(text)
    assert run("trust", "update").error == "CONFIG_BROKEN"
