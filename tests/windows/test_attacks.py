# SPDX-License-Identifier: MIT
"""What other programs of the user achieve against Kortilla's: ``attacks.py``.

Wine has no other user, and accepts the policies of a process and a job's limits of
memory and time without effect.
"""

import json
import re
from pathlib import Path
from typing import Any

from kortilla.signing import worker
from kortilla.signing.processes import MEMORY
from native_host.pin_prompt import decode
from native_host.platform.process_tree import UNKNOWN
from tests.windows.wine import Wine, windows_path

#: The protection that a call asks for, in Wine's log.
_PROTECTION = re.compile(r"Nt(?:Allocate|Protect)VirtualMemory .* ([0-9a-f]{8})$", re.M)
_EXECUTABLE = 0xF0  # PAGE_EXECUTE and those with more rights

ATTACKS = windows_path(Path(__file__).with_name("attacks.py"))


def attack(wine: Wine, name: str, *words: str) -> Any:
    """Run an attack, and return its result."""
    return json.loads(wine.run("-I", ATTACKS, name, *words).stdout)


def test_memory_and_handles_are_closed_to_other_programs(wine: Wine) -> None:
    before, after = attack(wine, "memory")
    assert {"VM_READ", "VM_WRITE", "CREATE_THREAD", "DUP_HANDLE"} < set(before)
    assert after == ["TERMINATE", "QUERY_LIMITED_INFORMATION"]


def test_a_host_with_all_protections_imports_and_starts_programs(wine: Wine) -> None:
    assert attack(wine, "hardened") == "done"


def test_the_host_makes_no_memory_executable(wine: Wine) -> None:
    """Windows would refuse it, and Wine does not: Wine says what is asked for."""
    wine.environment["WINEDEBUG"] = "+virtual"
    log = wine.run("-I", ATTACKS, "hardened").stderr
    before, after = (
        {int(each, 16) & _EXECUTABLE for each in _PROTECTION.findall(part)}
        for part in log.split("protected", 1)
    )
    assert before > after == {0}


def test_the_window_ends_with_a_host_that_crashes_and_a_viewer_stays(
    wine: Wine,
) -> None:
    assert attack(wine, "children") == [True, False]


def test_a_limited_process_ends_with_a_parent_that_crashes(wine: Wine) -> None:
    assert attack(wine, "limited") is True


def test_what_reads_hostile_files_asks_for_the_limits_of_linux(wine: Wine) -> None:
    """A PDF's time is limited otherwise: its process reads one after the other."""
    pdf, image = attack(wine, "limits")
    assert pdf == [MEMORY, worker._LIFETIME, 1]
    assert image == [decode._MOST_MEMORY, decode._MOST_TIME, 1]


def test_a_pipe_is_the_users_only(wine: Wine) -> None:
    found = attack(wine, "pipe")
    # Windows writes GA, all rights, as FA.
    assert found.pop("rights").replace("FA", "GA") == "O:USERD:P(A;;GA;;;USER)"
    assert found == {
        "first": "shown",
        "bad": "refused",
        "good": "shown",
        "long": "refused",
        "taken": False,
        "after silence": "shown",
        "got": ["first", "bad", "good", "later"],
        "another owner": "not asked",
    }


def test_a_second_start_hands_its_files_over(wine: Wine) -> None:
    first, token, handover, status, left = attack(wine, "window")
    assert (first, token, status, left) == (True, "", 0, [])
    assert json.loads(handover) == {"page": "check", "files": ["C:\\ä.pdf"]}


def test_the_pin_window_is_hidden_from_pictures_until_the_person_shows_it(
    wine: Wine,
) -> None:
    assert attack(wine, "capture") == [True, False]


def test_a_can_is_encrypted_and_forgotten(wine: Wine) -> None:
    nothing = ["none", None]
    assert attack(wine, "can") == [
        *(nothing, ["remembered", "123456"], False),
        *(["remembered", None], True, nothing),
    ]


def test_a_program_that_is_no_browser_is_named(wine: Wine) -> None:
    command = wine.command
    with wine.browser("other") as wine.command:
        assert attack(wine, "by_browser") == "other"
        assert attack(wine, "by_browser", "cmd.exe", "/d", "/c") == "other"
    wine.command = command
    assert attack(wine, "who_asks") == UNKNOWN  # a program of Linux


def test_a_known_browser_is_not_warned_of(wine: Wine) -> None:
    with wine.browser() as wine.command:
        assert attack(wine, "by_browser") == ""
        assert attack(wine, "by_browser", "cmd.exe", "/d", "/c") == ""


def test_the_window_gets_only_known_variables(wine: Wine) -> None:
    usual, passed = map(set, attack(wine, "environment"))
    assert "QT_PLUGIN_PATH" in usual - passed
    assert {"SYSTEMROOT", "LOCALAPPDATA"} < passed
