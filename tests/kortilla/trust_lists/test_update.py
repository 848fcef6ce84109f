# SPDX-License-Identifier: MIT
"""What is fetched and kept of the EU's trusted lists, and what is refused."""

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from kortilla.revocation import fetch as fetching
from kortilla.signing.trust_lists import store
from kortilla.signing.trust_lists import update as updating
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.signing.trust_lists.update import Fetched, update
from tests.kortilla.pki import CA
from tests.kortilla.responder import Server, always
from tests.kortilla.small_eu import Authority, SmallEU, add_three, list_signer

Spoil = Callable[[SmallEU], object]


@pytest.fixture(scope="module")
def authority() -> CA:
    return CA.create("SPECIMEN-ESTEID")


@pytest_asyncio.fixture
async def eu(authority: CA) -> AsyncIterator[SmallEU]:
    """A small EU, published."""
    async with Server() as server:
        eu = SmallEU(server)
        add_three(eu, authority)
        eu.publish()
        yield eu


async def fetch(eu: SmallEU, folder: Path, **options: Any) -> dict[str, Fetched]:
    options = {"allow_private_addresses": True, **options}
    found = await update(folder, lists=eu.lists, at=eu.now, **options)
    return {each.territory: each for each in found}


def problems(fetched: dict[str, Fetched]) -> dict[str, str]:
    return {name: each.problem for name, each in fetched.items() if each.problem}


async def test_all_lists_are_kept_and_only_the_person_can_read_them(
    eu: SmallEU, tmp_path: Path, authority: CA
) -> None:
    folder = tmp_path / "data" / "trust-lists"
    done: list[tuple[int, int]] = []
    fetched = await fetch(eu, folder, progress=lambda *each: done.append(each))
    assert problems(fetched) == {}
    assert done[-1] == (4, 4)
    lists = TrustLists.load(folder, lists=eu.lists)
    assert sorted(lists.by_territory) == ["BE", "EE", "LV"]
    [service] = lists.by_territory["EE"].trust_list.services
    assert service.provider == "SPECIMEN Eesti"
    assert lists.is_current("EE", eu.now)
    assert not lists.is_current("EE", eu.now + timedelta(days=61))
    assert not lists.is_current("XX", eu.now)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [*folder.iterdir()]
    assert len(files) == 4
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


async def test_nothing_of_the_person_is_sent(eu: SmallEU, tmp_path: Path) -> None:
    await fetch(eu, tmp_path)
    assert len(eu.server.requests) == 4
    for each in eu.server.requests:
        sent = {name.lower() for name in each.headers}
        assert sent == {"host", "user-agent", "accept", "accept-encoding"}
        assert each.headers["User-Agent"] == "kortilla"
        assert each.query_string == ""


async def test_the_environments_proxy_is_used(
    eu: SmallEU, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", eu.server.address)
    eu.server.address = "http://lists.example"
    eu.publish()
    assert problems(await fetch(eu, tmp_path)) == {}
    assert {each.headers["Host"] for each in eu.server.requests} == {"lists.example"}


def _serve(eu: SmallEU, content: bytes) -> None:
    eu.server.handlers["EE.xml"] = always(content)


def _changed(eu: SmallEU) -> None:
    """Change a list's bytes after it was signed."""
    content = eu.countries["EE"].xml(eu.now)
    assert b"SPECIMEN Eesti" in content
    _serve(eu, content.replace(b"SPECIMEN Eesti", b"SPECIMEN Eosti"))


def _forged(eu: SmallEU) -> None:
    """Publish a list that somebody else has signed, with an authority of their own."""
    authority = Authority(CA.create("SPECIMEN-ESTEID").der)
    signer = list_signer("SPECIMEN Signer of EE")
    eu.change("EE", signer=signer, authorities=[authority], sequence=99)
    eu.publish()


def _swapped(eu: SmallEU) -> None:
    """Serve another country's list, which may be signed by the same people."""
    eu.change("BE", signer=eu.signers["EE"])
    _serve(eu, eu.countries["BE"].xml(eu.now))


def _redirected(to: str) -> Spoil:
    async def redirect(_: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(to)

    return lambda eu: eu.server.handlers.update({"EE.xml": redirect})


def _published(**changes: Any) -> Spoil:
    def change(eu: SmallEU) -> None:
        eu.change("EE", **changes)
        eu.publish()

    return change


@pytest.mark.parametrize(
    ("problem", "spoil"),
    [
        ("signature", _changed),
        ("signer", _forged),
        ("territory", _swapped),
        ("territory", _published(list_type="EUlistofthelists")),
        ("not-a-list", _published(version=4)),
        ("outdated", _published(next_update=timedelta(seconds=-1))),
        ("outdated", _published(next_update=None)),
        ("older", _published(sequence=6)),
        ("changed", _published(issued=timedelta(days=-1))),
        ("changed", _published(provider="SPECIMEN Eosti")),
        ("dates", _published(issued=timedelta(hours=1), sequence=8)),
        ("dates", _published(next_update=timedelta(days=200), sequence=8)),
        ("dates", _published(next_update=timedelta(days=36525), sequence=8)),
        ("not-a-list", lambda eu: _serve(eu, b"<html/>")),
        ("unreachable", lambda eu: eu.server.handlers.pop("EE.xml")),
        ("unreachable", _redirected("file:///etc/passwd")),
        ("unreachable", _redirected("/EE.xml")),
        ("unreachable", _redirected("http://a:b@127.0.0.1/EE.xml")),
    ],
)
async def test_a_refused_list_leaves_the_one_that_was_kept(
    eu: SmallEU, tmp_path: Path, problem: str, spoil: Spoil
) -> None:
    await fetch(eu, tmp_path)
    before = (tmp_path / "EE.json").read_bytes()
    spoil(eu)
    fetched = await fetch(eu, tmp_path)
    assert problems(fetched) == {"EE": problem}
    assert fetched["EE"].kept
    assert (tmp_path / "EE.json").read_bytes() == before
    if problem not in {"older", "changed"}:
        fetched = await fetch(eu, tmp_path / "new")
        assert problems(fetched) == {"EE": problem}
        assert not fetched["EE"].kept
        assert not (tmp_path / "new" / "EE.json").exists()


async def test_a_redirect_into_a_private_network_is_not_followed(
    eu: SmallEU, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists' own server counts as public here, and not by its other address."""
    inside: list[str] = []

    async def router(request: web.Request) -> web.Response:
        inside.append(request.host)
        return web.Response(body=eu.countries["EE"].xml(eu.now))

    eu.server.handlers["inside"] = router
    address = eu.server.address.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
    _redirected(f"{address}/inside")(eu)
    monkeypatch.setattr(fetching, "is_public", lambda ip: ip == "127.0.0.1")
    fetched = await fetch(eu, tmp_path, allow_private_addresses=False)
    assert problems(fetched) == {"EE": "unreachable"}
    assert "private network" in fetched["EE"].detail
    assert inside == []


async def test_limits_of_size_and_time_hold(
    eu: SmallEU, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updating, "MAX_BYTES", 20_000)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with pytest.raises(ConnectionError):
            while True:
                await response.write(b"<a>" * 1000)
        return response

    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    eu.server.handlers["EE.xml"] = endless
    fetched = await fetch(eu, tmp_path)
    assert problems(fetched) == {"EE": "unreachable"}
    assert "longer than" in fetched["EE"].detail
    eu.server.handlers["lotl.xml"] = silent
    fetched = await fetch(eu, tmp_path, patience=0.05)
    assert problems(fetched) == {"EU": "unreachable"}
    assert "no answer" in fetched["EU"].detail


@pytest.mark.parametrize("comes", [True, False])
async def test_a_list_goes_with_its_signer_and_so_does_its_number(
    eu: SmallEU, tmp_path: Path, comes: bool
) -> None:
    """A retired key has signed a list with a high number, which was kept."""
    eu.change("EE", authorities=[], sequence=999_999_999)
    eu.publish()
    await fetch(eu, tmp_path)
    eu.signers["EE"] = list_signer("SPECIMEN next Signer of EE")
    eu.change("EE", signer=eu.signers["EE"], sequence=8)
    eu.publish(sequence=8)
    if not comes:
        eu.server.handlers.pop("EE.xml")
    fetched = await fetch(eu, tmp_path)
    kept = TrustLists.load(tmp_path, lists=eu.lists).by_territory
    if comes:
        assert problems(fetched) == {}
        assert kept["EE"].trust_list.sequence == 8
    else:
        assert problems(fetched) == {"EE": "unreachable"}
        assert not fetched["EE"].kept
        assert not (tmp_path / "EE.json").exists()
        assert sorted(kept) == ["BE", "LV"]


async def test_a_list_whose_signer_is_named_no_more_does_not_count(
    eu: SmallEU, tmp_path: Path
) -> None:
    """As where an update was stopped after it kept the list of lists."""
    await fetch(eu, tmp_path)
    forged = (tmp_path / "EE.json").read_bytes()
    eu.signers["EE"] = list_signer("SPECIMEN next Signer of EE")
    eu.publish(sequence=8)
    await fetch(eu, tmp_path)
    (tmp_path / "EE.json").write_bytes(forged)
    lists = TrustLists.load(tmp_path, lists=eu.lists)
    assert sorted(lists.by_territory) == ["BE", "LV"]
    assert lists.missing() == {"EE"}


async def test_a_withdrawn_country_is_forgotten(eu: SmallEU, tmp_path: Path) -> None:
    await fetch(eu, tmp_path)
    del eu.countries["LV"]
    eu.publish(sequence=8)
    await fetch(eu, tmp_path)
    assert sorted(TrustLists.load(tmp_path, lists=eu.lists).by_territory) == [
        "BE",
        "EE",
    ]


@pytest.mark.parametrize(
    ("problem", "changes"),
    [
        ("signer", {"signer": "a stranger"}),
        ("territory", {"territory": "EE"}),
        ("territory", {"list_type": "EUgeneric"}),
        ("outdated", {"next_update": timedelta(days=-1)}),
        ("older", {"sequence": 6}),
        ("changed", {"information": ["http://127.0.0.1/other.xml"]}),
        ("dates", {"issued": timedelta(hours=1), "sequence": 8}),
        ("dates", {"next_update": timedelta(days=200), "sequence": 8}),
    ],
)
async def test_a_refused_list_of_lists_leads_nowhere(
    eu: SmallEU, tmp_path: Path, problem: str, changes: dict[str, Any]
) -> None:
    await fetch(eu, tmp_path)
    eu.server.asked.clear()
    territory = changes.get("territory", "EU")
    changes = {name: each for name, each in changes.items() if name != "territory"}
    if "signer" in changes:
        changes["signer"] = list_signer("SPECIMEN Commission")
    signed = eu.list_of_lists(**changes)
    if territory != "EU":
        national = eu.countries[territory]
        eu.change(territory, signer=eu.commission, list_type="EUlistofthelists")
        signed = eu.countries[territory].xml(eu.now)
        eu.countries[territory] = national
    eu.server.handlers["lotl.xml"] = always(signed)
    fetched = await fetch(eu, tmp_path)
    assert problems(fetched) == {"EU": problem}
    assert list(fetched) == ["EU"]
    assert eu.server.asked == ["lotl.xml"]


async def test_without_a_network_what_was_kept_stays(
    eu: SmallEU, tmp_path: Path
) -> None:
    await fetch(eu, tmp_path)
    eu.server.handlers.clear()
    fetched = await fetch(eu, tmp_path)
    assert problems(fetched) == {"EU": "unreachable"}
    assert fetched["EU"].kept
    assert len(TrustLists.load(tmp_path, lists=eu.lists).by_territory) == 3


async def test_new_signers_of_the_list_of_lists_are_those_that_a_pivot_names(
    eu: SmallEU, tmp_path: Path
) -> None:
    retired, second, third = eu.commission, list_signer("2"), list_signer("3")
    eu.pins = [retired]
    at = eu.server.address
    pivots = [f"{at}/pivot-3.xml", f"{at}/pivot-2.xml"]
    made = {"pivot-2.xml": (retired, second, 2), "pivot-3.xml": (second, third, 3)}
    for name, (signer, following, sequence) in made.items():
        eu.next_signers = [following]
        pivot = eu.list_of_lists(signer=signer, sequence=sequence)
        eu.server.handlers[name] = always(pivot)
    eu.commission, eu.next_signers = third, [third]
    eu.publish(information=[*pivots, "https://elsewhere.example/pivot.xml"])
    assert problems(await fetch(eu, tmp_path)) == {}
    # Known from now on without the pivots; and the retired signer is one no more.
    eu.publish(information=[], sequence=8)
    assert problems(await fetch(eu, tmp_path)) == {}
    eu.publish(signer=retired, sequence=9)
    assert problems(await fetch(eu, tmp_path)) == {"EU": "signer"}
    # Without the first pivot, nothing leads to the second.
    del eu.server.handlers["pivot-2.xml"]
    eu.publish(signer=third, information=pivots)
    assert problems(await fetch(eu, tmp_path / "new")) == {"EU": "signer"}
    # A pivot of a stranger leads nowhere.
    eu.next_signers = [third]
    forged = eu.list_of_lists(signer=list_signer("4"), sequence=2, information=[])
    eu.server.handlers["pivot-2.xml"] = always(forged)
    assert problems(await fetch(eu, tmp_path / "new")) == {"EU": "signer"}


async def test_a_change_of_configuration_begins_anew(
    eu: SmallEU, tmp_path: Path
) -> None:
    await fetch(eu, tmp_path)
    eu.commission = list_signer("SPECIMEN another Commission")
    # What retired signers led to counts for nothing, also before an update.
    assert TrustLists.load(tmp_path, lists=eu.lists).of_lists is None
    eu.change("LV", sequence=1)
    eu.publish(sequence=1)
    # What the earlier signers led to counts no more, also where nothing new comes.
    eu.server.handlers.pop("EE.xml")
    fetched = await fetch(eu, tmp_path)
    assert problems(fetched) == {"EE": "unreachable"}
    assert not fetched["EE"].kept
    assert sorted(TrustLists.load(tmp_path, lists=eu.lists).by_territory) == [
        "BE",
        "LV",
    ]


async def test_a_copy_beside_the_lists_is_none_of_them(
    eu: SmallEU, tmp_path: Path
) -> None:
    await fetch(eu, tmp_path)
    (tmp_path / "EE (copy).json").write_bytes((tmp_path / "EE.json").read_bytes())
    lists = TrustLists.load(tmp_path, lists=eu.lists)
    assert sorted(lists.by_territory) == ["BE", "EE", "LV"]
    assert lists.broken == ()
    assert problems(await fetch(eu, tmp_path)) == {}


async def test_a_withdrawn_country_that_stays_on_the_disk_is_a_problem(
    eu: SmallEU, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fetch(eu, tmp_path)
    del eu.countries["LV"]
    eu.publish(sequence=8)

    def refuse(folder: Path, name: str) -> None:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(store, "remove", refuse)
    fetched = await fetch(eu, tmp_path)
    assert problems(fetched) == {"LV": "storage"}
    assert fetched["LV"].kept


async def test_a_broken_file_counts_as_none(eu: SmallEU, tmp_path: Path) -> None:
    await fetch(eu, tmp_path)
    (tmp_path / "EE.json").write_text("{")
    lists = TrustLists.load(tmp_path, lists=eu.lists)
    assert lists.broken == ("EE.json",)
    assert "EE" not in lists.by_territory
    assert problems(await fetch(eu, tmp_path)) == {}
    assert TrustLists.load(tmp_path, lists=eu.lists).broken == ()


async def test_a_folder_that_is_full_is_a_problem_and_no_crash(
    eu: SmallEU, tmp_path: Path
) -> None:
    folder = tmp_path / "file"
    folder.write_text("")
    assert problems(await fetch(eu, folder)) == {"EU": "storage"}
