# SPDX-License-Identifier: MIT
"""Containers with an archive timestamp, of all that was signed and added before it."""

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import cms
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla import Trust
from kortilla.errors import SignatureValidationError
from kortilla.mock_card.authority import Authority
from kortilla.signing.asice import ValidationData, finish_container, prepare_container
from kortilla.signing.state import PreparedSignature
from kortilla.signing.verification import TrustedCAs, Verdict, verify_document
from kortilla.testing import KortillaCard
from tests.kortilla.signed_files import SIGNATURES, with_signature
from tests.kortilla.signing.test_asice import xmlsec1_accepts
from tests.kortilla.signing_parts import card_answer, signing_certificate
from tests.kortilla.timestamps import lists

FILES = {"sopimus ä&%.txt": b"Sopimus", "tyhjä": b"", "liite.bin": bytes(3 << 20)}
NAMESPACES = (
    ' xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"'
    ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
    ' xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"'
)


@pytest.fixture
def trust(kortilla_card: KortillaCard) -> Trust:
    """The card's CAs."""
    return Trust.from_folder(kortilla_card.folder, test=True)


@pytest.fixture
async def state(kortilla_card: KortillaCard, trust: Trust) -> PreparedSignature:
    """A prepared container."""
    return await prepare_container(
        FILES,
        certificate=signing_certificate(kortilla_card),
        trust=trust,
        name="a.asice",
    )


@pytest.fixture
async def container(
    kortilla_card: KortillaCard,
    authority: Authority,
    timestamper: DummyTimeStamper,
    trust: Trust,
    state: PreparedSignature,
) -> bytes:
    """A container with everything in it."""
    signed = await finish_container(
        state,
        card_answer(state, kortilla_card),
        trust=trust,
        timestamper=timestamper,
        validation_data=ValidationData(crls=lists(authority)),
        archive=True,
    )
    assert signed.level == "B-LTA"
    return signed.content


def canonical(xml: str, start: str, end: str = "") -> bytes:
    """Return an element in its canonical form, made from the text of the document.

    It has the prefixes of the root, and no element without an end tag.
    """
    [part] = re.findall(f"<{start}[ >].*?</{end or start}>", xml)
    whole = re.sub(r"<([\w:]+)([^<>]*)/>", r"<\1\2></\1>", part)
    return re.sub(r"^<([\w:]+)", rf"<\1{NAMESPACES}", whole).encode()


def imprint(xml: str) -> tuple[str, bytes]:
    """Return the hash function and the digest of the archive timestamp."""
    [archive] = re.findall("<xades141:ArchiveTimeStamp.*", xml)
    [der] = re.findall("<xades:EncapsulatedTimeStamp>(.*?)<", archive)
    token = cms.ContentInfo.load(base64.b64decode(der))
    stamped = token["content"]["encap_content_info"]["content"].parsed
    found = stamped["message_imprint"]
    return found["hash_algorithm"]["algorithm"].native, found["hashed_message"].native


async def test_the_archive_timestamp_is_of_the_files_and_the_signature_in_order(
    container: bytes, authority: Authority, tmp_path: Path
) -> None:
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        xml = opened.read(SIGNATURES).decode()
    function, digest = imprint(xml)
    everything = b"".join(FILES.values()) + b"".join(
        canonical(xml, name)
        for name in (
            "xades:SignedProperties",
            "ds:SignedInfo",
            "ds:SignatureValue",
            "ds:KeyInfo",
            "xades:SignatureTimeStamp",
            "xades:RevocationValues",
        )
    )
    assert hashlib.new(function, everything).digest() == digest
    # Another program still accepts the signature.
    assert xmlsec1_accepts(
        tmp_path, container, authority.issuing_der, authority.root_der
    )


def _other_revocation_data(xml: str) -> str:
    return re.sub("(<xades:EncapsulatedCRLValue>).*?<", r"\1AAAA<", xml, count=1)


def _long_revocation_data(xml: str) -> str:
    value = "AAAA" * 1_500_000
    # A function, as re.sub would parse a text of 6 MB by character.
    return re.sub(
        "(<xades:EncapsulatedCRLValue>).*?<", lambda m: f"{m[1]}{value}<", xml, count=1
    )


def _other_timestamp_before(xml: str) -> str:
    [stamp] = re.findall("<xades:SignatureTimeStamp.*?</xades:SignatureTimeStamp>", xml)
    other = stamp.replace('Id="S0-T0"', 'Id="S0-T1"')
    return xml.replace(stamp, stamp + other)


def _other_chain(xml: str) -> str:
    [*_, last] = re.findall("<ds:X509Certificate>.*?</ds:X509Certificate>", xml)
    return xml.replace(last, "")


def _no_token(xml: str) -> str:
    head, _, tail = xml.partition("<xades141:ArchiveTimeStamp")
    return f"{head}<xades141:ArchiveTimeStamp" + re.sub(
        "<xades:EncapsulatedTimeStamp>.*?</xades:EncapsulatedTimeStamp>", "", tail
    )


def _another_form(xml: str) -> str:
    head, _, tail = xml.partition("<xades141:ArchiveTimeStamp")
    return f"{head}<xades141:ArchiveTimeStamp" + tail.replace("xml-c14n11", "no-form")


@pytest.mark.parametrize(
    "change",
    [
        None,
        _other_revocation_data,
        _long_revocation_data,
        _other_timestamp_before,
        _other_chain,
        _no_token,
        _another_form,
    ],
)
async def test_it_is_verified_with_all_that_it_is_of(
    container: bytes,
    authority: Authority,
    change: Callable[[str], str] | None,
) -> None:
    cas = [authority.root_der, authority.issuing_der]
    content = container if change is None else with_signature(container, change)
    report = await verify_document(
        content, trusted=TrustedCAs.from_certificates(cas), timestamp_cas=cas
    )
    [signature] = report.signatures
    [stamp] = report.timestamps
    assert report.verdict is Verdict.VALID
    assert stamp.place == SIGNATURES
    if change is None:
        assert (signature.level, stamp.intact, stamp.trusted) == ("B-LTA", True, True)
    else:
        unreadable = change in {_other_revocation_data, _long_revocation_data}
        level = "B-T" if unreadable else "B-LT"
        assert (signature.level, stamp.intact, stamp.trusted) == (level, False, False)


@pytest.mark.parametrize("document", [b"", b"PK", b"PK\x05\x06" + bytes(18)])
async def test_without_the_prepared_files_nothing_is_archived(
    kortilla_card: KortillaCard,
    timestamper: DummyTimeStamper,
    trust: Trust,
    state: PreparedSignature,
    document: bytes,
) -> None:
    answer = card_answer(state, kortilla_card)
    with pytest.raises(SignatureValidationError):
        await finish_container(
            replace(state, document=document),
            answer,
            trust=trust,
            timestamper=timestamper,
            archive=True,
        )
