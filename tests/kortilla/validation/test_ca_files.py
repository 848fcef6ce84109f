# SPDX-License-Identifier: MIT
"""The folder of CA certificates accepts only pinned ones, from any server."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust
from kortilla.errors import TrustConfigurationError
from kortilla.validation.ca_files import CAFile, fetch, inventory, take, wanted
from kortilla.validation.pinned_cas import ADDRESSES, PINS, PinnedCertificate
from tests.kortilla.pki import CA, NOW
from tests.kortilla.validation.test_trust import pem
from tests.support.patience import patience

WARN = timedelta(days=180)

Fetched = Callable[..., Awaitable[tuple[CAFile, list[str]]]]


def pin(ca: CA, name: str = "SPECIMEN Issuing CA - G1") -> PinnedCertificate:
    return PinnedCertificate(name, hashlib.sha256(ca.der).hexdigest(), "citizen")


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


class Authority:
    """Serves on loopback what an authority sends, and what it should not send."""

    def __init__(self, ca: CA, other: CA) -> None:
        answers = {
            "/right": (200, {}, ca.der),
            "/pem": (200, {}, pem(ca.der)),
            "/wrong": (200, {}, other.der),
            "/html": (200, {}, b"<!DOCTYPE html><title>Maintenance</title>"),
            "/empty": (200, {}, b""),
            "/error": (500, {}, ca.der),
            "/cut": (200, {}, ca.der[:-9]),
            "/huge": (200, {}, ca.der + bytes(10_000_000)),
            "/packed": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + bytes(99)),
            "/moved": (302, {"Location": "/right"}, b""),
            "/away": (302, {"Location": "http://localhost.invalid/right"}, b""),
            "/file": (302, {"Location": "file:///etc/passwd"}, b""),
            "/nowhere": (302, {}, b""),
            "/circle": (302, {"Location": "/circle"}, b""),
        }
        self.asked: list[str] = []
        self.over = over = threading.Event()
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                if self.path == "/slow":
                    over.wait()
                    return
                status, headers, body = answers[self.path]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # cut off, as it should be
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # poll_interval: seconds until the thread notices the shutdown.
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def other() -> CA:
    return CA.create("SPECIMEN Other CA")


@pytest.fixture
def authority(
    ca: CA, other: CA, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Authority]:
    monkeypatch.setenv("no_proxy", "*")
    authority = Authority(ca, other)
    yield authority
    authority.close()


@pytest.fixture
def fetched(tmp_path: Path, ca: CA, authority: Authority) -> Fetched:
    """A function that fetches the pinned certificate from paths of the authority."""

    async def fetched(*paths: str, **options: Any) -> tuple[CAFile, list[str]]:
        addresses = [authority.address(path) for path in paths]
        wait = 0.5 if paths == ("/slow",) else patience()
        (found,), failures = await fetch(
            tmp_path / "ca",
            [pin(ca)],
            addresses=addresses,
            patience=wait,
            **{"allow_private_addresses": True, **options},
        )
        return found, list(failures.values())

    return fetched


@pytest.mark.parametrize("path", ["/right", "/pem", "/moved"])
async def test_a_pinned_certificate_is_stored_and_can_be_trusted(
    tmp_path: Path, ca: CA, fetched: Fetched, path: str
) -> None:
    stored, failures = await fetched(path)
    assert (stored.state, stored.problem, failures) == ("stored", "", [])
    file = tmp_path / "ca/specimen-issuing-ca-g1.crt"
    assert stored.file == file
    assert file.read_bytes() == ca.der
    assert files(file.parent) == [file.name]
    trust = Trust.from_folder(file.parent, test=True)
    assert trust.issuers[0].certificate.dump() == ca.der


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        ("/html", "not a certificate"),
        ("/empty", "not a certificate"),
        ("/cut", "not a certificate"),
        ("/packed", "compressed"),
        ("/error", "HTTP status 500"),
        ("/huge", "longer than"),
        ("/slow", "no answer"),
        ("/away", "another host"),
        ("/file", "another host"),
        ("/circle", "sends on"),
        ("/nowhere", "sends on"),
    ],
)
async def test_an_answer_that_is_no_certificate_is_named_and_stores_nothing(
    tmp_path: Path, fetched: Fetched, path: str, failure: str
) -> None:
    missing, [said] = await fetched(path)
    assert missing.state == "missing"
    assert failure in said
    assert files(tmp_path) == []


async def test_no_address_in_a_private_network_is_asked(
    authority: Authority, fetched: Fetched
) -> None:
    missing, [said] = await fetched("/right", allow_private_addresses=False)
    assert missing.state == "missing"
    assert "private network" in said
    assert authority.asked == []


async def test_a_certificate_that_is_not_pinned_is_thrown_away(
    tmp_path: Path, fetched: Fetched
) -> None:
    missing, failures = await fetched("/wrong")
    assert (missing.state, failures) == ("missing", [])
    assert files(tmp_path) == []


async def test_the_right_one_among_bad_addresses_is_found(
    authority: Authority, fetched: Fetched
) -> None:
    paths = ["/slow", "/html", "/wrong", "/right", "/huge"]
    done: list[None] = []

    def progress() -> None:
        done.append(None)
        if len(done) == len(paths) - 1:  # no other one waits for the slow one
            authority.over.set()

    stored, failures = await fetched(*paths, progress=progress)
    assert stored.state == "stored"
    assert len(done) == len(paths)
    assert len(failures) == 3


async def test_a_server_that_is_not_there(tmp_path: Path, ca: CA) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    address = f"http://127.0.0.1:{server.server_port}/"
    server.server_close()
    (missing,), failures = await fetch(
        tmp_path, [pin(ca)], addresses=[address], allow_private_addresses=True
    )
    assert missing.state == "missing"
    assert address in failures


async def test_what_is_there_is_kept_and_nobody_is_asked(
    tmp_path: Path, ca: CA, authority: Authority, fetched: Fetched
) -> None:
    file = tmp_path / "ca/by-hand.pem"
    file.parent.mkdir()
    file.write_bytes(pem(ca.der))
    kept, _ = await fetched("/wrong")
    assert (kept.state, kept.file) == ("kept", file)
    assert authority.asked == []
    assert file.read_bytes() == pem(ca.der)


async def test_a_bad_file_in_the_place_of_a_good_one_is_replaced(
    tmp_path: Path, ca: CA, fetched: Fetched
) -> None:
    file = tmp_path / "ca/specimen-issuing-ca-g1.crt"
    file.parent.mkdir()
    file.write_bytes(b"cut off")
    await fetched("/right")
    assert file.read_bytes() == ca.der


def test_from_a_folder_of_files_with_any_name(
    tmp_path: Path, ca: CA, other: CA
) -> None:
    source = tmp_path / "stick"
    (source / "folder").mkdir(parents=True)
    (source / "certificate (1)").write_bytes(pem(ca.der))
    (source / "other.crt").write_bytes(other.der)
    (source / "huge.crt").write_bytes(bytes(1_000_000))
    (source / "letter.txt").write_text("hello")
    os.mkfifo(source / "pipe.pem")
    (source / "copy.der").write_bytes(ca.der)
    [stored], passed_over = take(tmp_path / "ca", [pin(ca)], source=source)
    assert stored.state == "stored"
    assert passed_over == {
        "folder": "a folder",
        "huge.crt": "too long for a certificate",
        "letter.txt": "not a certificate",
        "other.crt": "a certificate that is not one of the authority's CAs",
        "pipe.pem": "can't be read: it is not a regular file",
    }
    assert [file.read_bytes() for file in (tmp_path / "ca").iterdir()] == [ca.der]


def test_a_ca_of_the_authority_that_is_not_wanted_is_named(
    tmp_path: Path, ca: CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = replace(pin(ca, "SPECIMEN TEST CA"), test=True)
    monkeypatch.setattr("kortilla.validation.ca_files.PINS", (known,))
    (tmp_path / "a").write_bytes(ca.der)
    assert take(tmp_path / "ca", [], source=tmp_path) == (
        [],
        {"a": "the test CA SPECIMEN TEST CA, which is not wanted here"},
    )


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path, ca: CA) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "ca.der").write_bytes(ca.der)
    (tmp_path / "file").write_text("")
    with pytest.raises(TrustConfigurationError, match="specimen-issuing-ca-g1"):
        take(tmp_path / "file" / "ca", [pin(ca)], source=source)


@pytest.mark.parametrize(
    ("end", "days", "problem"),
    [(2041, 180, ""), (2041, 20 * 365, "ends in"), (2026, 180, "ended on 2026-01-01")],
)
def test_a_ca_near_its_end_is_reported(
    tmp_path: Path, end: int, days: int, problem: str
) -> None:
    ca = CA.create("SPECIMEN CA", years=(2021, end))
    (tmp_path / "ca.crt").write_bytes(ca.der)
    (found,) = inventory(tmp_path, [pin(ca)], at=NOW, warn=timedelta(days=days))
    assert found.not_after is not None
    assert found.not_after.year == end
    assert problem in found.problem
    assert bool(found.problem) == bool(problem)


def test_what_is_missing_and_what_should_not_be_there(
    tmp_path: Path, ca: CA, other: CA
) -> None:
    (tmp_path / "other.der").write_bytes(other.der)
    (tmp_path / "letter.crt").write_text("hello")
    report = inventory(tmp_path, [pin(ca)], at=NOW, warn=WARN)
    assert [(found.name, found.state) for found in report] == [
        ("SPECIMEN Issuing CA - G1", "missing"),
        ("letter.crt", "unknown"),
        ("other.der", "unknown"),
    ]
    assert all(found.problem for found in report)
    (found,) = inventory(tmp_path / "none", [pin(ca)], at=NOW, warn=WARN)
    assert found.state == "missing"


def test_test_cas_are_wanted_only_when_asked_for() -> None:
    names = {each.name for each in wanted()}
    assert not any("TEST" in name or "Organisational" in name for name in names)
    assert {each.name for each in wanted(test=True)} - names == {
        each.name for each in PINS if each.test
    }


def test_the_addresses_are_the_authoritys() -> None:
    assert all(
        address.startswith(("https://dvv.fineid.fi/", "http://proxy.fineid.fi/"))
        for address in ADDRESSES
    )
