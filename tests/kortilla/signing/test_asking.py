# SPDX-License-Identifier: MIT
"""What the authority is asked while files are checked, and how often."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from kortilla.clock import utc_now
from kortilla.errors import (
    RelyingPartyError,
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import CertificatePath, Reason, Revocation
from kortilla.signing.verification import Verdict
from kortilla.validation.leaf import ExactCertificate
from native_host.files import revocation
from native_host.files.check import CheckedFile, check_files
from native_host.files.revocation import AskedOnce
from tests.kortilla.pki import CA
from tests.kortilla.responder import OCSPAnswer, Server, addresses
from tests.kortilla.signed_files import Maker, issue
from tests.kortilla.signing_parts import FixedRevocation, make_pdf
from tests.support.patience import patience


@pytest.fixture
def people(server: Server) -> list[Maker]:
    """Two people, of one CA, whose certificates name a responder of this computer."""
    ca = CA.create("SPECIMEN Issuing CA", parent=CA.create("SPECIMEN Root CA"))
    named = addresses(server.address, "issuing")
    leaves = [issue(ca, serial_number=each, extra=named) for each in (71, 72)]
    return [Maker(leaf, ca) for leaf in leaves]


@pytest.fixture
def trust(people: list[Maker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with their CA; the responder may be of this computer."""
    near = partial(Revocation, allow_private_addresses=True)
    monkeypatch.setattr(revocation, "Revocation", near)
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "ca.der").write_bytes(people[0].ca.der)
    return folder


async def files_of(people: Sequence[Maker], folder: Path, count: int = 1) -> list[Path]:
    """Have each person sign some PDFs."""
    made = []
    for who, person in enumerate(people):
        for number in range(count):
            path = folder / f"{who}-{number}.pdf"
            path.write_bytes(await person.pdf(make_pdf(f"Sopimus {number}")))
            made.append(path)
    return made


def verdicts(checked: list[CheckedFile]) -> list[tuple[Verdict, bool]]:
    assert all(each.report for each in checked)
    return [(c.verdict, bool(c.report and c.report.lacks_revocation)) for c in checked]


async def test_the_authority_is_asked_once_about_each_certificate(
    people: list[Maker], trust: Path, server: Server, tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.Response:
        status = "good" if len(server.asked) == 1 else "revoked"
        now = utc_now().replace(microsecond=0)
        said = OCSPAnswer(people[0].ca, status=status, at=now)
        return web.Response(body=said.encode(await request.read()))

    server.handlers["ocsp/issuing"] = answer
    files = await files_of(people, tmp_path, count=3)
    checked = await check_files(files, trust=trust, offline=False)
    first, second = [(Verdict.VALID, False)], [(Verdict.NOT_VALID, False)]
    assert verdicts(checked) == first * 3 + second * 3
    assert server.asked == ["ocsp/issuing"] * 2
    # The next check asks anew: a card may have been reported since.
    await check_files(files[:1], trust=trust, offline=False)
    assert len(server.asked) == 3
    await check_files(files, trust=trust, offline=True)
    assert len(server.asked) == 3


async def test_without_an_answer_good_files_lack_it(
    people: list[Maker], trust: Path, server: Server, tmp_path: Path
) -> None:
    files = await files_of(people, tmp_path)
    checked = await check_files(files, trust=trust, offline=False)
    assert verdicts(checked) == [(Verdict.CANT_SAY, True)] * 2
    # A responder that answers with nonsense is asked about each; a list comes next.
    assert server.asked == ["ocsp/issuing", "crl/issuing.crl"] * 2


class _Checker(FixedRevocation):
    """Notes whom it is asked about."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__(error)
        self.about: list[int] = []

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        self.about.append(path.leaf.serial_number)
        await super().check(path, at=at)


def _silent(reason: Reason) -> RelyingPartyError:
    return UserCertificateOCSPCheckFailedError("no answer", reason=reason.value)


@pytest.mark.parametrize(
    ("error", "about"),
    [
        (None, [1, 2, 3]),
        (UserCertificateRevokedError("revoked"), [1, 2, 3]),
        (_silent(Reason.UNKNOWN), [1, 2, 3]),
        # Nobody waits three times for somebody who is not there, but once for each CA.
        (_silent(Reason.UNREACHABLE), [1, 3]),
        (_silent(Reason.TIMEOUT), [1, 3]),
        (_silent(Reason.REDIRECTED), [1, 3]),
    ],
)
async def test_a_service_that_was_not_reached_is_not_asked_again(
    error: RelyingPartyError | None, about: list[int]
) -> None:
    checker = _Checker(error)
    once = AskedOnce(checker)
    one, other = [CA.create(f"SPECIMEN {name}") for name in ("CA 1", "CA 2")]
    paths = [
        CertificatePath(
            ExactCertificate.load(issue(ca, serial_number=serial).der),
            ca.certificate,
            None,
        )
        for ca, serial in ((one, 1), (one, 2), (other, 3))
    ]
    for path in paths * 2:
        try:
            await once.check(path, at=utc_now())
        except RelyingPartyError as raised:
            assert raised is error
        else:
            assert error is None
    assert checker.about == about


async def test_all_services_together_are_not_waited_for_without_end() -> None:
    """Each CA may have services that accept a connection and then say nothing."""

    class Silent(_Checker):
        async def check(self, path: CertificatePath, *, at: datetime) -> None:
            self.about.append(path.leaf.serial_number)
            await asyncio.Event().wait()

    checker = Silent(None)
    once = AskedOnce(checker, seconds=0.05)
    for serial in (1, 2, 3):
        ca = CA.create(f"SPECIMEN CA {serial}")
        leaf = ExactCertificate.load(issue(ca, serial_number=serial).der)
        path = CertificatePath(leaf, ca.certificate, None)
        async with asyncio.timeout(patience()):
            with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
                await once.check(path, at=utc_now())
        assert caught.value.reason == Reason.TIMEOUT
    assert checker.about == [1]
