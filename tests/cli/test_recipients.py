# SPDX-License-Identifier: MIT
"""``kortilla recipients``, and people whom a directory (a real slapd) knows."""

import asyncio
import base64
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kortilla.clock import utc_now
from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.state import MockCardState
from native_host.platform.paths import user_state_folder
from native_host.recipients import address_book, directory
from native_host.recipients.person import Person
from tests.cli.conftest import NewCard, Run
from tests.support.cards import new_card as another_card

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
argsfile {folder}/args
database mdb
suffix "c=FI"
directory {folder}/data
"""
OTHER = make_satu(99_900_002)
_SLAPD = shutil.which("slapd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "slapd"


def certificates(state: MockCardState) -> list[bytes]:
    return [each.certificate for each in state.read().keys]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with a file and two people's certificates."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "a.txt").write_text("a")
    same_name = MockCardState.create(tmp_path / "card2", satu=OTHER)
    for number, state in enumerate((another_card(tmp_path / "card1"), same_name), 1):
        (folder / f"{number}.der").write_bytes(certificates(state)[0])
    return folder


def test_people_are_added_listed_and_removed(run: Run) -> None:
    assert run("recipients", "list").result == {"recipients": []}
    added = run("recipients", "add", "1.der", "1.der").result["recipients"]
    [listed] = run("recipients", "list").result["recipients"]
    assert listed in added
    assert (listed["checked"], listed["satu"][:2]) == (None, "99")
    book = user_state_folder() / "recipients.json"
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    removed = run("recipients", "remove", listed["satu"].lower())
    assert removed.result == {"removed": [listed]}
    assert run("recipients", "remove", listed["name"]).error == "RECIPIENT_REFUSED"
    assert run("recipients", "list").result == {"recipients": []}


def test_a_name_of_two_people_needs_the_identifier(run: Run) -> None:
    people = run("recipients", "add", "1.der", "2.der").result["recipients"]
    assert people[0]["name"] == people[1]["name"]
    for name in (people[0]["name"], "aino"):
        outcome = run("encrypt", "a.txt", "--to", name, "--unchecked")
        assert outcome.error == "INVALID_ARGUMENT"
    begun = run("encrypt", "a.txt", "--to", "ain", "--unchecked")
    assert begun.error == "RECIPIENT_REFUSED"
    made = run("encrypt", "a.txt", "--to", OTHER, "--unchecked")
    assert [each["satu"] for each in made.result["recipients"]] == [OTHER]
    told = run("encrypt", "a.txt", "--to", OTHER, "--unchecked", json=False)
    assert f"For: AINO SPECIMEN-VIRTANEN {OTHER}" in told.words


def test_a_file_does_not_pass_for_a_person(run: Run, folder: Path) -> None:
    [person] = run("recipients", "add", "1.der").result["recipients"]
    shutil.copy(folder / "2.der", folder / person["name"])
    words = ("encrypt", "a.txt", "--unchecked", "--to")
    assert run(*words, person["name"]).error == "INVALID_ARGUMENT"
    made = run(*words, f"./{person['name']}")
    assert [each["satu"] for each in made.result["recipients"]] == [OTHER]
    # Of nobody known yet, whom the directory may know.
    shutil.copy(folder / "2.der", folder / "99911111A")
    assert run(*words, "99911111A").error == "INVALID_ARGUMENT"
    assert run(*words, "./99911111A").status == 0


def test_of_two_certificates_of_one_person_the_checked_one_is_used(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    """A forged one may say that it is valid for longer."""
    whole = Person.from_der((folder / "1.der").read_bytes())
    forged = MockCardState.create(
        tmp_path / "forged", not_after=datetime(2090, 1, 1, tzinfo=UTC)
    )
    false = Person.from_der(certificates(forged)[0])
    assert (false.name, false.satu) == (whole.name, whole.satu)
    address_book.remember([replace(whole, checked=utc_now()), false])
    made = run("encrypt", "a.txt", "--unchecked", "--to", whole.satu)
    [used] = made.result["recipients"]
    assert used["certificate"] == whole.identity


def test_a_forged_certificate_has_no_endless_name(run: Run, tmp_path: Path) -> None:
    state = MockCardState.create(tmp_path / "long", given_name="A" * 10_000)
    (tmp_path / "long.der").write_bytes(certificates(state)[0])
    [added] = run("recipients", "add", str(tmp_path / "long.der")).result["recipients"]
    assert len(added["name"]) <= 200
    assert len(added["certificate"]) <= 600


def test_people_with_an_expired_card_are_not_offered(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    before, after = datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    old = MockCardState.create(tmp_path / "old", not_before=before, not_after=after)
    (folder / "old.der").write_bytes(certificates(old)[0])
    [added] = run("recipients", "add", "old.der").result["recipients"]
    assert run("recipients", "list").result == {"recipients": []}
    outcome = run("encrypt", "a.txt", "--to", added["name"], "--unchecked")
    assert outcome.result["error"]["reason"] == "not-found"
    assert run("recipients", "remove", added["name"]).result == {"removed": [added]}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[[]]", b"[{}]", b'[{"certificate": "AA==", "checked": 1}]']
)
def test_a_broken_address_book_loses_only_what_is_broken(
    run: Run, content: bytes
) -> None:
    book = user_state_folder() / "recipients.json"
    book.parent.mkdir(parents=True, exist_ok=True)
    book.write_bytes(content)
    book.chmod(0o600)
    assert run("recipients", "list").result == {"recipients": []}
    assert run("recipients", "add", "1.der").status == 0
    assert len(run("recipients", "list").result["recipients"]) == 1


def test_the_address_book_is_replaced_whole_and_never_too_large_to_be_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("recipients", "add", "1.der").status == 0
    with (user_state_folder() / "recipients.json").open("rb") as book:
        before = book.read()
        assert run("recipients", "add", "2.der").status == 0
        book.seek(0)
        assert book.read() == before
    monkeypatch.setattr(address_book, "_LARGEST", len(before) + 100)
    [added] = run("recipients", "add", "1.der").result["recipients"]
    assert run("recipients", "list").result == {"recipients": [added]}


def test_an_address_book_of_others_is_not_read(run: Run) -> None:
    book = user_state_folder() / "recipients.json"
    assert run("recipients", "add", "1.der").status == 0
    book.parent.chmod(0o777)
    assert run("recipients", "list").error == "ADDRESS_BOOK"


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A function that starts a slapd with people; it returns the address."""
    place = tmp_path / "ldap"
    (place / "data").mkdir(parents=True)
    configuration = place / "slapd.conf"
    configuration.write_text(_CONFIGURATION.format(folder=place))

    def start(people: dict[str, list[bytes]]) -> str:
        entries = ["dn: c=FI\nobjectClass: country\nc: FI\n"]
        for number, (satu, found) in enumerate(people.items()):
            lines = [
                f"dn: cn=SPECIMEN {number},c=FI\nobjectClass: person",
                "objectClass: pkiUser\nobjectClass: extensibleObject",
                f"cn: SPECIMEN {number}\nsn: SPECIMEN\nserialNumber: {satu}",
            ]
            lines += [
                f"userCertificate;binary:: {base64.b64encode(each).decode()}"
                for each in found
            ]
            entries.append("\n".join(lines) + "\n")
        content = "\n".join(entries)
        slapadd = (_SLAPD, "-T", "add", "-f", str(configuration))
        subprocess.run(slapadd, input=content, text=True, check=True)
        socket = str(place / "s").replace("/", "%2F")
        # It returns once it listens.
        subprocess.run(
            (_SLAPD, "-f", configuration, "-h", f"ldapi://{socket}"), check=True
        )
        return f"ldapi://{socket}/c=FI"

    yield start
    pid = place / "pid"
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGTERM)


def test_a_directory_knows_people_by_their_identifier(
    run: Run,
    folder: Path,
    new_card: NewCard,
    slapd: Callable[..., str],
    configure: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[tuple[str, ...]] = []
    really_start = asyncio.create_subprocess_exec

    async def start(*command: str, **options: Any) -> asyncio.subprocess.Process:
        commands.append(command)
        return await really_start(*command, **options)

    state = new_card("v5", "active")
    satu = str(
        run("card", "status", "--card", "mock").result["readers"][0]["card"]["holder"][
            "satu"
        ]
    )
    other = (folder / "2.der").read_bytes()
    # It also has the signature certificate, and a directory may lie.
    address = slapd({satu: [*certificates(state), other], "99900000X": [other]})
    configure(f'directory = "{address}"\n')
    # Every user of the computer sees the commands of others.
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    made = run("encrypt", "a.txt", "--to", satu.lower(), "--unchecked")
    assert commands
    assert satu not in str(commands).upper()
    assert made.status == 0
    assert [each["satu"] for each in made.result["recipients"]] == [satu]
    done = run("decrypt", "a.txt.p7m", "--card", "mock", "--prompt", "automatic")
    assert done.status == 0
    for nobody in ("99900000X", "99911111A", "*", "9*"):
        refused = run("encrypt", "a.txt", "--to", nobody, "--unchecked")
        assert refused.result["error"]["reason"] == "not-found"


@pytest.mark.programs
def test_a_directory_that_is_not_there_or_no_address_is_an_error(
    run: Run, configure: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configure('directory = "ldap://127.0.0.1:9/c=FI"\n')
    words = ("encrypt", "a.txt", "--to", "99911111A")
    assert run(*words).error == "DIRECTORY_FAILED"
    path.write_text('directory = "http://127.0.0.1/"\n')
    assert run(*words).error == "CONFIG_BROKEN"
    path.write_text('directory = "ldap://127.0.0.1/c=FI"\n')
    monkeypatch.setattr(directory, "_PROGRAM", "no-such-program")
    assert run(*words).error == "TOOL_MISSING"
