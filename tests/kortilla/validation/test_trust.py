# SPDX-License-Identifier: MIT
"""What a trust can be made of, and a folder of it that changes meanwhile."""

import base64
import hashlib
import json
import os
import re
import runpy
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from asn1crypto import x509

from kortilla import LoginService, Trust, TrustFolder
from kortilla.errors import CertificateNotTrustedError, TrustConfigurationError
from kortilla.revocation import UNCHECKED, CertificatePath
from kortilla.validation import trust as trust_module
from kortilla.validation.identity import is_satu
from kortilla.validation.pinned_cas import PINS, configured_pins
from kortilla.validation.trust import PRODUCTION_POLICIES
from kortilla.validation.validator import validate
from kortilla.web.sessions import SessionStore
from tests.kortilla.pki import CA, CA_TRUE, NONCE, NOW, ORIGIN, TEST_POLICY, Leaf, key
from tests.support.guide import blocks

MAY_NOT_SIGN: dict[str, Any] = {"basic_constraints": CA_TRUE, "null_parameter": False}


def pem(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def test_a_folder_of_der_and_pem_files(tmp_path: Path, ca: CA, root: CA) -> None:
    (tmp_path / "issuing.pem").write_bytes(pem(ca.der))
    (tmp_path / "root.der").write_bytes(root.der)
    (tmp_path / "card.json").write_text(json.dumps({}))
    trust = Trust.from_folder(tmp_path, test=True)
    (issuer,) = trust.issuers
    assert issuer.certificate.dump() == ca.der
    assert issuer.root is not None
    assert issuer.root.dump() == root.der


def test_a_root_that_did_not_sign_the_issuing_ca_is_not_its_root(ca: CA) -> None:
    (issuer,) = ca.trust(CA.create("SPECIMEN Other Root").der).issuers
    assert issuer.root is None


def test_a_trust_is_one_line_in_a_log(
    trust: Trust, leaf: Leaf, ca: CA, root: CA
) -> None:
    known = ", root='Common Name: SPECIMEN Root CA, Country: FI'"
    issuer = f"IssuingCA('Common Name: SPECIMEN Issuing CA, Country: FI'{known})"
    assert repr(trust) == f"Trust([{issuer}], test=True)"
    odd = CA.create("SPECIMEN\nOther", parent=root)
    assert "\n" not in repr(odd.trust())
    path = CertificatePath(x509.Certificate.load(leaf.der), ca.certificate, None)
    assert repr(path).startswith("CertificatePath(0x1092 of 'Common Name: SPECIMEN I")
    assert len(repr(path)) < 100


def test_test_trust_has_to_be_asked_for(tmp_path: Path, ca: CA) -> None:
    file = tmp_path / "ca.der"
    file.write_bytes(ca.der)
    with pytest.raises(TrustConfigurationError, match=re.escape(str(file))):
        Trust.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.der", b""),
        ("text.pem", b"hello"),
        ("broken.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        ("huge.crt", bytes(100_000)),
    ],
)
def test_a_file_that_is_no_certificate_is_named(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrustConfigurationError, match=name):
        Trust.from_folder(tmp_path, test=True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrustConfigurationError, match=r"missing\.der"):
        Trust.from_files([tmp_path / "missing.der"])
    with pytest.raises(TrustConfigurationError, match="no certificate file"):
        Trust.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        (lambda _, leaf: [leaf.der], "not a CA"),
        (
            lambda root, _: [
                root.issue(
                    root.key, basic_constraints=CA_TRUE, null_parameter=False
                ).der
            ],
            "not a CA",  # it may not sign certificates
        ),
        (lambda root, _: [root.der], "root alone"),
    ],
    ids=["a leaf", "a CA that may not sign", "a root"],
)
def test_what_issues_no_leaf_is_no_trust(
    root: CA, leaf: Leaf, contents: Callable[[CA, Leaf], list[bytes]], why: str
) -> None:
    with pytest.raises(TrustConfigurationError, match=why):
        Trust.from_certificates(contents(root, leaf), test=True)


def test_the_pins_are_fingerprints_and_each_is_there_once() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", pin.sha256) for pin in PINS)
    assert len({pin.sha256 for pin in PINS}) == len(PINS) == 8


@pytest.mark.parametrize("satu", ["99902038C", "99900335E", "99901112H", "999020016"])
def test_the_satu_of_specimen_cards(satu: str) -> None:
    assert is_satu(satu)
    assert not is_satu("９" + satu[1:])


ODD_ORIGINS = """
    https://service.example/ https://Service.example https://service.example:443
    https://pälvelu.fi http://service.example http://localhost:80 service.example
    https://user@service.example https://service.example?x
"""


@pytest.mark.parametrize("origin", ["", "https://" + "a" * 260, *ODD_ORIGINS.split()])
def test_an_origin_that_no_browser_would_write(origin: str, trust: Trust) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        LoginService(origin=origin, trust=trust)


ORIGINS = """
    https://service.example https://service.example:8443 https://xn--plvelu-bua.fi
    http://localhost:8080 http://127.0.0.1:8080
"""


@pytest.mark.parametrize("origin", ORIGINS.split())
def test_origins_as_browsers_write_them(origin: str, trust: Trust) -> None:
    assert LoginService(origin=origin, trust=trust).origin == origin


# --- a folder that a running service reads anew


WAIT = 60


class Watched(TrustFolder):
    """Tells when it was read."""

    reloaded = threading.Event()

    def reload(self) -> bool:
        try:
            return super().reload()
        finally:
            self.reloaded.set()


def watching() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == "kortilla-trust"}


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    for each in watching():
        each.join(WAIT)
    assert not watching()


@pytest.fixture(scope="module")
def other() -> CA:
    return CA.create("SPECIMEN Next CA", parent=CA.create("SPECIMEN Next Root"))


@pytest.fixture
def place(tmp_path: Path, ca: CA) -> Path:
    folder = tmp_path / "ca"
    folder.mkdir()
    (folder / "ca.der").write_bytes(ca.der)
    return folder


def fingerprint(ca: CA) -> str:
    return hashlib.sha256(ca.der).hexdigest()


def names(trust: Trust) -> list[str]:
    return [str(ca.certificate.subject.native["common_name"]) for ca in trust.issuers]


async def test_a_running_service_gets_a_new_ca(
    place: Path, other: CA, leaf: Leaf, caplog: pytest.LogCaptureFixture
) -> None:
    folder = TrustFolder(place, test=True)
    service = LoginService(origin=ORIGIN, trust=folder, clock=lambda: NOW)
    theirs = other.issue(key("P-384"))

    async def log_in(leaf: Leaf) -> None:
        session: dict[str, object] = {}
        token = leaf.token(nonce=await service.challenge(session))
        await service.login(session, token)

    await log_in(leaf)
    with pytest.raises(CertificateNotTrustedError):
        await log_in(theirs)
    assert folder.reload() is False
    (place / "next.der").write_bytes(other.der)
    assert folder.reload() is True
    await log_in(leaf)
    await log_in(theirs)
    assert "now on the service trusts IssuingCA('Common Name: SPECIMEN Next" in (
        caplog.text
    )
    (place / "ca.der").unlink()
    assert folder.reload() is True
    assert "no longer trusts IssuingCA('Common Name: SPECIMEN Issuing" in caplog.text
    with pytest.raises(CertificateNotTrustedError):
        await log_in(leaf)


def replaced(place: Path) -> Path:
    """Remove a folder; return its path."""
    shutil.rmtree(place)
    return place


def halved(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


#: What is done to the folder with ``ca.der``.
BROKEN: dict[str, Callable[[Path], object]] = {
    "empty": lambda place: (place / "ca.der").unlink(),
    "gone": replaced,
    "half a file": lambda place: halved(place / "ca.der"),
    "garbage": lambda place: (place / "next.pem").write_bytes(b"\xff" * 100),
    "a long file": lambda place: (place / "next.der").write_bytes(bytes(10_000_000)),
    "a pipe": lambda place: os.mkfifo(place / "next.der"),
    "a device": lambda place: (place / "next.der").symlink_to("/dev/zero"),
    "a dangling link": lambda place: (place / "next.der").symlink_to(place / "none"),
    "a link in a circle": lambda place: (place / "next.der").symlink_to("next.der"),
    "a folder as a file": lambda place: (place / "next.der").mkdir(),
    "a file in its place": lambda place: replaced(place).write_bytes(b""),
    "a link in its place": lambda place: replaced(place).symlink_to("nowhere"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_folder_keeps_the_trust_that_was_there(
    how: str, place: Path, ca: CA, caplog: pytest.LogCaptureFixture
) -> None:
    folder = TrustFolder(place, test=True)
    service = LoginService(origin=ORIGIN, trust=folder)
    before, loaded_at = folder.current, folder.loaded_at
    BROKEN[how](place)
    for _ in range(2):
        with pytest.raises(TrustConfigurationError, match="stay in use"):
            folder.reload()
    assert folder.current is before
    assert folder.loaded_at == loaded_at
    assert str(place) in folder.problem
    assert service.trust_problem == folder.problem
    assert caplog.text.count("stay in use") == 1  # said once
    with pytest.raises(TrustConfigurationError):
        TrustFolder(place, test=True)  # at a start it is an error
    if place.is_symlink() or place.is_file():
        place.unlink()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "ca.der").write_bytes(ca.der)
    assert folder.reload() is False
    assert folder.problem == ""


def test_production_takes_no_test_ca_at_a_reload_either(
    place: Path, other: CA, ca: CA
) -> None:
    folder = TrustFolder(place, pins=[fingerprint(ca)])
    (place / "next.der").write_bytes(other.der)
    with pytest.raises(TrustConfigurationError, match="not pinned"):
        folder.reload()
    assert names(folder.current) == ["SPECIMEN Issuing CA"]
    assert not folder.current.test


def test_a_watched_folder_is_read_when_it_changes(
    place: Path, other: CA, tmp_path: Path
) -> None:
    """Also when a link leads elsewhere, as in a Kubernetes volume."""
    new = tmp_path / "new"
    new.mkdir()
    (new / "ca.der").write_bytes(other.der)
    link = tmp_path / "link"
    link.symlink_to(place)
    folder = Watched(link, test=True)
    folder.watch(0.01)
    (tmp_path / "link.new").symlink_to(new)
    (tmp_path / "link.new").rename(link)
    assert folder.reloaded.wait(WAIT)
    assert names(folder.current) == ["SPECIMEN Next CA"]
    folder.reloaded.clear()
    shutil.rmtree(new)
    assert folder.reloaded.wait(WAIT)
    assert names(folder.current) == ["SPECIMEN Next CA"]
    assert folder.problem
    folder.close()
    with pytest.raises(ValueError, match="positive"):
        folder.watch(0)


def test_a_reload_that_began_before_watching_keeps_others_out(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it could bring back a CA that was removed meanwhile."""
    folder = TrustFolder(place, test=True)
    reading, go_on = threading.Event(), threading.Event()
    read = folder._read

    def slow() -> Trust:
        trust = read()
        reading.set()
        assert go_on.wait(WAIT)
        return trust

    monkeypatch.setattr(folder, "_read", slow)
    first = threading.Thread(target=folder.reload)
    first.start()
    assert reading.wait(WAIT)
    folder.watch(3600)
    second = threading.Thread(target=folder.reload)
    second.start()
    reading.clear()
    assert not reading.wait(0.1)
    go_on.set()
    for each in (first, second):
        each.join(WAIT)
    assert reading.is_set()
    folder.close()


def test_a_folder_is_watched_after_a_fork_too(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = TrustFolder(place, test=True)
    folder.watch(3600)
    [first] = watching()
    assert folder.current
    assert watching() == {first}
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert folder.current
    first.join(WAIT)
    [second] = watching()
    assert second is not first
    folder.close()


# --- CAs of the configuration


def test_a_new_ca_needs_no_release(place: Path, ca: CA, root: CA) -> None:
    (place / "root.der").write_bytes(root.der)
    with pytest.raises(TrustConfigurationError, match="pins="):
        Trust.from_folder(place)
    with_colons = ":".join(
        fingerprint(root)[n : n + 2].upper() for n in range(0, 64, 2)
    )
    trust = Trust.from_folder(place, pins=[fingerprint(ca), with_colons, "00" * 32])
    assert not trust.test
    assert names(trust) == ["SPECIMEN Issuing CA"]
    assert trust.issuers[0].root is not None
    only_root = [root.der]
    with pytest.raises(TrustConfigurationError, match="a root alone"):
        Trust.from_certificates(only_root, pins=[with_colons])


@pytest.mark.parametrize("wrong", ["", "00", "g" * 64, "0" * 63, "0" * 65, "٠" * 64])
def test_what_is_no_fingerprint_is_refused(wrong: str, place: Path) -> None:
    with pytest.raises(TrustConfigurationError, match="SHA-256"):
        Trust.from_folder(place, test=True, pins=[wrong])


def test_no_pin_makes_a_test_ca_real(ca: CA, monkeypatch: pytest.MonkeyPatch) -> None:
    known = next(pin for pin in PINS if pin.test)
    assert configured_pins([known.sha256, PINS[0].sha256]) == ()
    own = replace(known, sha256=fingerprint(ca))
    monkeypatch.setattr(trust_module, "_PINNED", {own.sha256: own})
    with pytest.raises(TrustConfigurationError, match="test CA"):
        Trust.from_certificates([ca.der], pins=[own.sha256])


async def test_a_new_policy_needs_no_release_either(ca: CA) -> None:
    policy = "1.2.246.517.1.10.402.1"
    pins = [fingerprint(ca)]
    trust = Trust.from_certificates([ca.der], pins=pins, policies=[policy])
    token = ca.issue(key("P-384"), policies=(policy,)).token()
    identity = await validate(
        token, origin=ORIGIN, nonce=NONCE, trust=trust, at=NOW, revocation=UNCHECKED
    )
    assert (identity.policy, identity.assurance) == (policy, "citizen-certificate")
    assert trust.allowed_policy([PRODUCTION_POLICIES[0]])
    assert trust.allowed_policy(["1.2.246.517.1.10.402.2"]) is None
    assert trust.allowed_policy([policy, TEST_POLICY]) is None


@pytest.mark.parametrize(
    "wrong", ["", "1.2.3", "1.2.246.517.99", TEST_POLICY, "1.2.246.517", "3.2.3.4", "x"]
)
def test_a_policy_that_allows_too_much_is_refused(wrong: str, ca: CA) -> None:
    with pytest.raises(TrustConfigurationError, match="policy"):
        Trust.from_certificates([ca.der], pins=[fingerprint(ca)], policies=[wrong])


async def test_the_examples_of_the_guide(place: Path, ca: CA, tmp_path: Path) -> None:
    example = tmp_path / "example.py"
    example.write_text(blocks("operations.md", "python")[1])
    create = runpy.run_path(str(example))["create_service"]
    service: LoginService = create(str(place), [fingerprint(ca)], [])
    assert names(service.trust) == ["SPECIMEN Issuing CA"]
    folder = service._trust
    assert isinstance(folder, TrustFolder)
    folder.close()
    await service.close()

    example.write_text(blocks("operations.md", "python")[2])
    app = web.Application()
    store = SessionStore()
    test_service = LoginService(origin=ORIGIN, trust=ca.trust(), clock=lambda: NOW)
    runpy.run_path(str(example))["add_probe"](app, test_service, store)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/ready")
        assert (answer.status, (await answer.json())["ready"]) == (200, True)
