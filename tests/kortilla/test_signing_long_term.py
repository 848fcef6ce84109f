# SPDX-License-Identifier: MIT
"""A signed PDF with a timestamp and revocation data, and its reported level."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asn1crypto import keys, ocsp, x509
from asn1crypto.core import Integer
from cryptography import x509 as cryptography_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import DummyTimeStamper, dummy_client
from pyhanko.sign.validation import (
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.registry import SimpleCertificateStore

from kortilla import Trust
from kortilla.errors import DocumentNotSignableError, TimestampFailedError
from kortilla.mock_card.authority import Authority
from kortilla.mock_card.keys import load_private_key
from kortilla.signing.cades import SignedFile, finish_file, prepare_file
from kortilla.signing.pades import SignedPdf, ValidationData, finish_pdf, prepare_pdf
from kortilla.testing import KortillaCard
from tests.kortilla.pki import key
from tests.kortilla.signing_parts import (
    card_answer,
    cms_of,
    make_pdf,
    signing_certificate,
)

# Its service would check the primes of its key anew for each timestamp, for 30 ms.
vars(dummy_client)["serialization"] = SimpleNamespace(
    load_der_private_key=lambda der, password: load_private_key(der)
)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def authority(kortilla_card: KortillaCard) -> Authority:
    """The CAs of the card."""
    return Authority.open(kortilla_card.folder)


@pytest.fixture
def timestamper(authority: Authority) -> DummyTimeStamper:
    """A time-stamping service with a certificate of the card's CA."""
    return stamper(authority)


def stamper(
    authority: Authority, extra: bytes = b"", more: Sequence[tuple[str, bytes]] = ()
) -> DummyTimeStamper:
    own_key = key("RSA-2048")
    name = [cryptography_x509.NameAttribute(NameOID.COMMON_NAME, "SPECIMEN Timestamps")]
    builder = (
        cryptography_x509.CertificateBuilder()
        .subject_name(cryptography_x509.Name(name))
        .issuer_name(authority.issuing.subject)
        .public_key(own_key.public_key())
        .serial_number(cryptography_x509.random_serial_number())
        .not_valid_before(YESTERDAY - timedelta(days=1))
        .not_valid_after(YESTERDAY + timedelta(days=300))
        .add_extension(
            cryptography_x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),
            critical=True,
        )
    )
    for oid, der in (*([("1.2.3.4", extra)] if extra else []), *more):
        builder = builder.add_extension(
            cryptography_x509.UnrecognizedExtension(
                cryptography_x509.ObjectIdentifier(oid), der
            ),
            critical=False,
        )
    certificate = builder.sign(authority.issuing_key, hashes.SHA384())
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call] # it has no types
    own_der = own_key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return DummyTimeStamper(
        x509.Certificate.load(der), keys.PrivateKeyInfo.load(own_der), store
    )


class Lying(DummyTimeStamper):
    """A service that stamps other data."""

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
        other = bytes(len(message_digest))
        return await super().async_timestamp(other, md_algorithm)


class Broken(DummyTimeStamper):
    """A service that fails in its own way."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
        raise self._failure


async def sign(card: KortillaCard, **more: Any) -> SignedPdf:
    trust = Trust.from_folder(card.folder, test=True)
    state = await prepare_pdf(
        make_pdf(), certificate=signing_certificate(card), trust=trust, name="a.pdf"
    )
    return await finish_pdf(state, card_answer(state, card), trust=trust, **more)


def ocsp_answer(authority: Authority, certificate: bytes, issuer: bytes) -> bytes:
    """Request the status of a certificate from the CA's responder."""
    about, above = x509.Certificate.load(certificate), x509.Certificate.load(issuer)
    cert_id = {
        "hash_algorithm": {"algorithm": "sha1"},
        "issuer_name_hash": above.subject.sha1,
        "issuer_key_hash": above.public_key.sha1,
        "serial_number": Integer(about.serial_number),
    }
    request = ocsp.OCSPRequest(
        {"tbs_request": {"request_list": [{"req_cert": cert_id}]}}
    )
    return authority.answer_ocsp(request.dump(), at=datetime.now(UTC))


def lists(authority: Authority) -> tuple[bytes, bytes]:
    """Return the CRLs of the two CAs, which are empty."""
    return (
        authority.revoke([], YESTERDAY),
        authority.revoke([], YESTERDAY, by="root"),
    )


async def is_valid_for_long(pdf: bytes, root: bytes) -> bool:
    """Validate with pyHanko from the PDF and the root alone.

    A certificate without proof that it is not revoked is an error.
    """
    reader = PdfFileReader(io.BytesIO(pdf))
    [signature] = reader.embedded_signatures
    context = DocumentSecurityStore.read_dss(reader).as_validation_context(
        {
            "trust_roots": [x509.Certificate.load(root)],
            "allow_fetching": False,
            "revocation_mode": "hard-fail",
        }
    )
    status = await async_validate_pdf_signature(
        signature,
        signer_validation_context=context,
        ts_validation_context=context,
    )
    assert status.timestamp_validity is not None
    return bool(status.bottom_line and status.timestamp_validity.trusted)


async def test_with_a_timestamp_it_is_b_t(
    kortilla_card: KortillaCard, timestamper: DummyTimeStamper
) -> None:
    signed = await sign(kortilla_card, timestamper=timestamper)
    assert signed.level == "B-T"
    [info] = cms_of(signed.content)["content"]["signer_infos"]
    assert [each["type"].native for each in info["unsigned_attrs"]] == [
        "signature_time_stamp_token"
    ]


async def test_with_revocation_data_of_all_it_is_b_lt_and_valid_for_long(
    kortilla_card: KortillaCard, authority: Authority, timestamper: DummyTimeStamper
) -> None:
    data = ValidationData(crls=lists(authority))
    signed = await sign(kortilla_card, timestamper=timestamper, validation_data=data)
    assert signed.level == "B-LT"
    assert await is_valid_for_long(signed.content, authority.root_der)
    issuing_only = ValidationData(crls=lists(authority)[:1])
    signed = await sign(
        kortilla_card, timestamper=timestamper, validation_data=issuing_only
    )
    assert signed.level == "B-T"
    assert not await is_valid_for_long(signed.content, authority.root_der)


async def test_a_timestamp_of_all_that_makes_it_b_lta(
    kortilla_card: KortillaCard, authority: Authority, timestamper: DummyTimeStamper
) -> None:
    data = ValidationData(crls=lists(authority))
    signed = await sign(
        kortilla_card, timestamper=timestamper, validation_data=data, archive=True
    )
    assert signed.level == "B-LTA"
    reader = PdfFileReader(io.BytesIO(signed.content))
    [_, stamp] = reader.embedded_signatures
    context = DocumentSecurityStore.read_dss(reader).as_validation_context(
        {
            "trust_roots": [x509.Certificate.load(authority.root_der)],
            "allow_fetching": False,
            "revocation_mode": "hard-fail",
        }
    )
    status = await async_validate_pdf_timestamp(stamp, context)
    assert status.intact
    assert status.valid
    assert status.trusted
    assert status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    incomplete = ValidationData(crls=lists(authority)[:1])
    signed = await sign(
        kortilla_card,
        timestamper=timestamper,
        validation_data=incomplete,
        archive=True,
    )
    assert signed.level == "B-T"
    with pytest.raises(ValueError, match="needs a time-stamping service"):
        await sign(kortilla_card, validation_data=data, archive=True)


async def test_ocsp_answers_are_taken_too(
    kortilla_card: KortillaCard, authority: Authority, timestamper: DummyTimeStamper
) -> None:
    leaf = signing_certificate(kortilla_card)
    stamping = timestamper.tsa_cert.dump()
    issuing, root = authority.issuing_der, authority.root_der
    answers = tuple(
        ocsp_answer(authority, *pair)
        for pair in ((leaf, issuing), (stamping, issuing), (issuing, root))
    )
    data = ValidationData(ocsp_responses=answers)
    signed = await sign(kortilla_card, timestamper=timestamper, validation_data=data)
    assert signed.level == "B-LT"
    assert await is_valid_for_long(signed.content, authority.root_der)
    for answer in answers:
        assert answer in signed.content
    for missing in range(3):
        some = answers[:missing] + answers[missing + 1 :]
        data = ValidationData(ocsp_responses=some)
        signed = await sign(
            kortilla_card, timestamper=timestamper, validation_data=data
        )
        assert signed.level == "B-T"


async def test_revocation_data_without_a_timestamp_do_not_make_it_b_lt(
    kortilla_card: KortillaCard, authority: Authority
) -> None:
    signed = await sign(
        kortilla_card, validation_data=ValidationData(crls=lists(authority))
    )
    assert signed.level == "B-B"
    [signature] = PdfFileReader(io.BytesIO(signed.content)).embedded_signatures
    assert len(signature.reader.root["/DSS"]["/CRLs"]) == 2


async def test_an_answer_that_says_revoked_covers_nothing(
    kortilla_card: KortillaCard, authority: Authority
) -> None:
    leaf = x509.Certificate.load(signing_certificate(kortilla_card))
    good = ocsp_answer(authority, leaf.dump(), authority.issuing_der)
    request_part = ocsp.OCSPResponse.load(good).response_data["responses"][0]["cert_id"]
    request = ocsp.OCSPRequest(
        {"tbs_request": {"request_list": [{"req_cert": request_part.copy()}]}}
    )
    bad = authority.answer_ocsp(
        request.dump(), revoked={leaf.serial_number}, at=datetime.now(UTC)
    )
    assert ValidationData(ocsp_responses=(good,)).covers([leaf])
    assert not ValidationData(ocsp_responses=(bad,)).covers([leaf])
    assert not ValidationData().covers([leaf])


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


@pytest.mark.parametrize(
    "failure",
    [OSError("refused"), TimeoutError(), ValueError("none"), AttributeError("hex")],
)
async def test_without_its_timestamp_it_can_be_finished_again(
    kortilla_card: KortillaCard, timestamper: DummyTimeStamper, failure: Exception
) -> None:
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    certificate = signing_certificate(kortilla_card)
    pdf = await prepare_pdf(
        make_pdf(), certificate=certificate, trust=trust, name="a.pdf"
    )
    answer = card_answer(pdf, kortilla_card)
    with pytest.raises(TimestampFailedError):
        await finish_pdf(pdf, answer, trust=trust, timestamper=Broken(failure))
    again = await finish_pdf(pdf, answer, trust=trust, timestamper=timestamper)
    assert again.level == "B-T"


async def test_a_timestamp_of_something_else_is_refused(
    kortilla_card: KortillaCard, timestamper: DummyTimeStamper
) -> None:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    lying = Lying(timestamper.tsa_cert, timestamper.tsa_key, store)
    with pytest.raises(TimestampFailedError):
        await sign(kortilla_card, timestamper=lying)


async def test_a_timestamp_that_is_longer_than_its_room_is_refused(
    kortilla_card: KortillaCard, authority: Authority
) -> None:
    with pytest.raises(DocumentNotSignableError):
        await sign(kortilla_card, timestamper=stamper(authority, bytes(20_000)))


async def test_a_file_gets_a_timestamp_too(
    kortilla_card: KortillaCard, timestamper: DummyTimeStamper
) -> None:
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    state = await prepare_file(
        b"content",
        certificate=signing_certificate(kortilla_card),
        trust=trust,
        name="a.txt",
    )
    answer = card_answer(state, kortilla_card)
    signed: SignedFile = await finish_file(
        state, answer, trust=trust, timestamper=timestamper
    )
    assert signed.level == "B-T"
