# SPDX-License-Identifier: MIT
"""Timestamps and revocation data in signatures of each format, and the level told."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation import (
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from kortilla import Trust
from kortilla.errors import DocumentNotSignableError, TimestampFailedError
from kortilla.mock_card.authority import Authority
from kortilla.signing.pades import ValidationData
from kortilla.signing.signature import SignedDocument
from kortilla.testing import KortillaCard
from tests.kortilla.signing_parts import (
    FORMATS,
    Format,
    card_answer,
    cms_of,
    signing_certificate,
)
from tests.kortilla.timestamps import Unreliable, lists, ocsp_answer, stamper


class Card:
    """Signs in one format with a card, and with what a test gives."""

    def __init__(self, form: Format, card: KortillaCard) -> None:
        self._form, self._card = form, card
        self._trust = Trust.from_folder(card.folder, test=True)
        self._prepared: tuple[Any, Any] | None = None

    async def sign(self, **more: Any) -> SignedDocument:
        """Finish a signature, which is the same one each time."""
        if self._prepared is None:
            certificate = signing_certificate(self._card)
            state = await self._form.prepared(certificate, self._trust)
            self._prepared = state, card_answer(state, self._card)
        return await self._form.finish(*self._prepared, trust=self._trust, **more)


@pytest.fixture(params=["pdf", "container"])
def maker(request: pytest.FixtureRequest, kortilla_card: KortillaCard) -> Card:
    """Signs PDFs, or containers."""
    return Card(FORMATS[request.param], kortilla_card)


only_pdf = pytest.mark.parametrize("maker", ["pdf"], indirect=True)


async def test_the_level_is_the_one_that_was_reached(
    maker: Card, authority: Authority, timestamper: DummyTimeStamper
) -> None:
    complete = ValidationData(crls=lists(authority, datetime.now(UTC)))
    # The card may have been reported lost since.
    older = ValidationData(crls=lists(authority))
    partly = ValidationData(crls=complete.crls[:1])
    for stamped, data, archive, level in (
        (False, None, False, "B-B"),
        (True, None, False, "B-T"),
        (True, complete, False, "B-LT"),
        (True, older, False, "B-T"),
        (True, partly, False, "B-T"),
        (False, complete, False, "B-B"),
        (True, complete, True, "B-LTA"),
        (True, partly, True, "B-T"),
    ):
        signed = await maker.sign(
            timestamper=timestamper if stamped else None,
            validation_data=data,
            archive=archive,
        )
        assert signed.level == level
    with pytest.raises(ValueError, match="needs a time-stamping service"):
        await maker.sign(validation_data=complete, archive=True)


@pytest.mark.parametrize("maker", FORMATS, indirect=True)
async def test_without_its_timestamp_it_can_be_finished_again(
    maker: Card, timestamper: DummyTimeStamper
) -> None:
    failures = OSError("x"), TimeoutError(), ValueError(), AttributeError("hex"), False
    for failure in failures:
        with pytest.raises(TimestampFailedError):
            await maker.sign(timestamper=Unreliable(timestamper, failure))
    assert (await maker.sign(timestamper=timestamper)).level == "B-T"


async def test_an_archive_timestamp_of_something_else_is_refused(
    maker: Card, timestamper: DummyTimeStamper
) -> None:
    service = Unreliable(timestamper, True, False)
    with pytest.raises(TimestampFailedError):
        await maker.sign(timestamper=service, archive=True)
    assert service.answers == []


def pyhankos_context(reader: PdfFileReader, authority: Authority) -> ValidationContext:
    """Return what is known from a PDF and the root alone.

    A certificate without proof that it is not revoked is an error.
    """
    return DocumentSecurityStore.read_dss(reader).as_validation_context(
        {
            "trust_roots": [x509.Certificate.load(authority.root_der)],
            "allow_fetching": False,
            "revocation_mode": "hard-fail",
        }
    )


async def is_valid_for_long(pdf: bytes, authority: Authority) -> bool:
    """Validate with pyHanko from the PDF and the root alone."""
    reader = PdfFileReader(io.BytesIO(pdf))
    [signature] = reader.embedded_signatures
    context = pyhankos_context(reader, authority)
    status = await async_validate_pdf_signature(
        signature,
        signer_validation_context=context,
        ts_validation_context=context,
    )
    assert status.timestamp_validity is not None
    return bool(status.bottom_line and status.timestamp_validity.trusted)


@only_pdf
@pytest.mark.parametrize("kind", ["crls", "ocsp_responses"])
async def test_a_pdf_with_revocation_data_of_all_is_valid_for_long(
    maker: Card,
    kortilla_card: KortillaCard,
    authority: Authority,
    timestamper: DummyTimeStamper,
    kind: str,
) -> None:
    leaf, stamping = signing_certificate(kortilla_card), timestamper.tsa_cert.dump()
    whole: tuple[bytes, ...] = lists(authority, datetime.now(UTC))
    if kind == "ocsp_responses":
        every = (stamping, leaf, authority.issuing_der)
        whole = tuple(ocsp_answer(authority, each) for each in every)
    for missing in range(-1, len(whole)):
        kept = tuple(each for number, each in enumerate(whole) if number != missing)
        data = ValidationData(**{kind: kept})
        signed = await maker.sign(timestamper=timestamper, validation_data=data)
        assert signed.level == ("B-LT" if kept == whole else "B-T")
        if missing != 0:  # pyHanko needs no OCSP response about the timestamp
            valid = await is_valid_for_long(signed.content, authority)
            assert valid == (kept == whole)
        assert all(each in signed.content for each in kept)
        [info] = cms_of(signed.content)["content"]["signer_infos"]
        assert [each["type"].native for each in info["unsigned_attrs"]] == [
            "signature_time_stamp_token"
        ]


@only_pdf
async def test_the_archive_timestamp_of_a_pdf_is_of_all_of_it(
    maker: Card, authority: Authority, timestamper: DummyTimeStamper
) -> None:
    data = ValidationData(crls=lists(authority))
    signed = await maker.sign(
        timestamper=timestamper, validation_data=data, archive=True
    )
    reader = PdfFileReader(io.BytesIO(signed.content))
    [_, stamp] = reader.embedded_signatures
    context = pyhankos_context(reader, authority)
    status = await async_validate_pdf_timestamp(stamp, context)
    assert (status.intact, status.valid, status.trusted) == (True, True, True)
    assert status.coverage == SignatureCoverageLevel.ENTIRE_FILE


@only_pdf
async def test_revocation_data_are_kept_without_a_timestamp(
    maker: Card, authority: Authority
) -> None:
    data = ValidationData(crls=lists(authority))
    signed = await maker.sign(validation_data=data)
    [signature] = PdfFileReader(io.BytesIO(signed.content)).embedded_signatures
    assert len(signature.reader.root["/DSS"]["/CRLs"]) == 2


@only_pdf
async def test_a_timestamp_that_is_longer_than_its_room_is_refused(
    maker: Card, authority: Authority
) -> None:
    with pytest.raises(DocumentNotSignableError):
        await maker.sign(timestamper=stamper(authority, bytes(20_000)))


async def test_an_answer_that_says_revoked_covers_nothing(
    kortilla_card: KortillaCard, authority: Authority
) -> None:
    leaf = x509.Certificate.load(signing_certificate(kortilla_card))
    good = ocsp_answer(authority, leaf.dump())
    bad = ocsp_answer(authority, leaf.dump(), revoked={leaf.serial_number})
    assert ValidationData(ocsp_responses=(good,)).covers([leaf])
    assert not ValidationData(ocsp_responses=(bad,)).covers([leaf])
    assert not ValidationData().covers([leaf])


async def test_one_recent_list_of_an_issuer_is_enough(
    kortilla_card: KortillaCard, authority: Authority
) -> None:
    leaf = x509.Certificate.load(signing_certificate(kortilla_card))
    now = datetime.now(UTC)
    recent, old = lists(authority, now), lists(authority, now - timedelta(hours=1))
    for crls in (recent + old, old + recent):
        assert ValidationData(crls=crls).covers([leaf], since=now)
    assert not ValidationData(crls=old).covers([leaf], since=now)


@pytest.mark.parametrize(
    "data",
    [
        {"ocsp_responses": (b"",)},
        {"ocsp_responses": (bytes.fromhex("30030A0106"),)},  # unauthorized
        {"crls": (b"0\x00",)},
        {"certificates": (b"certificate",)},
    ],
)
def test_validation_data_that_are_none_are_the_callers_mistake(
    data: dict[str, tuple[bytes, ...]],
) -> None:
    with pytest.raises(ValueError, match="is none"):
        ValidationData(**data)
