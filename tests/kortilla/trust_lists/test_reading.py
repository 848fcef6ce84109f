# SPDX-License-Identifier: MIT
"""What is read of a trusted list, and which XML is none."""

import subprocess
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from kortilla.signing import xades
from kortilla.signing.trust_lists.entries import ReadList
from kortilla.signing.verification.trust_list_xml import TSL, read_list
from kortilla.signing.xades import DS
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.small_eu import Authority, NationalList, sign

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SERVICE = "SPECIMEN Service"


@pytest.fixture(scope="module")
def authority() -> CA:
    return CA.create("SPECIMEN-ESTEID")


@pytest.fixture(scope="module")
def national(authority: CA, signer: Leaf) -> NationalList:
    return NationalList("EE", signer, [Authority(authority.der)])


@pytest.fixture(scope="module")
def document(national: NationalList) -> bytes:
    return national.xml(NOW)


def name_of(read: ReadList) -> str:
    assert read.trust_list is not None, read
    return read.trust_list.services[0].name


def test_a_list_is_read_as_it_was_signed(document: bytes) -> None:
    read = read_list(document)
    assert read.trust_list is not None
    assert name_of(read) == SERVICE
    assert read.trust_list.operator == "SPECIMEN Operator"
    assert read.trust_list.services[0].provider == "SPECIMEN Trust Services"
    [state] = read.trust_list.services[0].states
    assert (state.kind, state.status) == ("qc", "granted")
    assert state.uses == ("ForeSignatures", "ForeSeals")


def test_other_programs_verify_the_small_eus_lists(
    document: bytes, signer: Leaf, tmp_path: Path
) -> None:
    file, certificate = tmp_path / "list.xml", tmp_path / "signer.der"
    file.write_bytes(document)
    certificate.write_bytes(signer.der)
    subprocess.run(
        [
            *("xmlsec1", "--verify", "--pubkey-cert-der", certificate),
            *("--id-attr:Id", f"{xades.XADES[1:-1]}:SignedProperties"),
            *("--enabled-key-data", "key-name,ec", file),
        ],
        check=True,
        capture_output=True,
    )


def test_a_comment_changes_nothing(document: bytes) -> None:
    """It is not signed, so that anybody may add one: within a text, too."""
    changed = document.replace(b"SPECIMEN Service", b"SPECI<!-- x -->MEN Service")
    assert name_of(read_list(changed)) == SERVICE


def _extend(document: bytes, change: Callable[[Any], object]) -> bytes:
    root = xades.parse(document)
    change(root)
    return xades.serialise(root)


def _signature(root: Any) -> Any:
    return root.find(DS + "Signature")


def _wrap(document: bytes) -> bytes:
    """Put the signed list below a forged one, which has the signature."""
    root = xades.parse(document)
    forged = deepcopy(root)
    forged.remove(_signature(forged))
    for name in forged.iter(TSL + "ServiceName"):
        name[0].text = "SPECIMEN Forgery"
    forged.set("Id", "forged")
    signature = _signature(root)
    holder = etree.SubElement(signature, DS + "Object")
    forged.append(signature)
    inner = xades.parse(document)
    inner.remove(_signature(inner))
    holder.append(inner)
    return xades.serialise(forged)


def _insert_after(document: bytes) -> bytes:
    """Put a service behind the signature, in text that belongs to the document."""
    return document.replace(b"</ds:Signature>", b"</ds:Signature>x")


def _second_signature(document: bytes) -> bytes:
    return _extend(document, lambda root: root.append(deepcopy(_signature(root))))


def _duplicate_id(document: bytes) -> bytes:
    return _extend(
        document, lambda root: root.find(TSL + "SchemeInformation").set("Id", "P")
    )


def _twice(document: bytes) -> bytes:
    def change(root: Any) -> None:
        info = _signature(root).find(DS + "SignedInfo")
        info.append(deepcopy(info.find(DS + "Reference")))

    return _extend(document, change)


def _bomb(document: bytes) -> bytes:
    declared = b'<!DOCTYPE a [<!ENTITY b "SPECIMEN"><!ENTITY c "&b;&b;">]>'
    return document.replace(b"?>", b"?>" + declared, 1)


def _no_signature(document: bytes) -> bytes:
    return _extend(document, lambda root: root.remove(_signature(root)))


@pytest.mark.parametrize(
    ("problem", "spoil"),
    [
        ("DIGEST_MISMATCH", lambda d: d.replace(b"SPECIMEN Ser", b"SPECIMEN Sor")),
        ("DIGEST_MISMATCH", _insert_after),
        ("UNSUPPORTED", _wrap),
        ("UNSUPPORTED", _second_signature),
        ("UNSUPPORTED", _no_signature),
        ("UNSUPPORTED", _twice),
        ("UNSUPPORTED", lambda d: d.replace(b"?>", b"?><?xml-stylesheet?>", 1)),
        ("DUPLICATE_ID", _duplicate_id),
        ("NOT_A_LIST", _bomb),
        ("NOT_A_LIST", lambda d: d[:-20]),
        ("NOT_A_LIST", lambda d: d.decode().encode("utf-16")),
        ("NOT_A_LIST", lambda _: b"<a>" * 100_000),
        ("NOT_A_LIST", lambda _: b"<TrustServiceStatusList/>"),
        ("NOT_A_LIST", lambda _: b""),
    ],
)
def test_another_xml_is_no_signed_list(
    document: bytes, problem: str, spoil: Callable[[bytes], bytes]
) -> None:
    read = read_list(spoil(document))
    assert (read.problem, read.trust_list) == (problem, None)


XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


@pytest.mark.parametrize(
    "ways",
    [
        {"uri": "http://127.0.0.1/list.xml"},
        {"uri": "file:///etc/hostname"},
        {"uri": "#other"},
        {"transforms": ()},
        {"transforms": (EXCLUSIVE, ENVELOPED)},
        {"transforms": (ENVELOPED, XPATH)},
        {"transforms": (ENVELOPED, XSLT)},
        {"transforms": (ENVELOPED, EXCLUSIVE, EXCLUSIVE)},
    ],
)
def test_only_the_whole_document_is_signed(
    national: NationalList, signer: Leaf, ways: dict[str, Any]
) -> None:
    def resign(**more: Any) -> bytes:
        root = xades.parse(national.xml(NOW))
        root.remove(_signature(root))
        return sign(root, signer, **more)

    assert name_of(read_list(resign())) == SERVICE
    assert name_of(read_list(resign(uri="#list"))) == SERVICE
    assert read_list(resign(**ways)).problem == "UNSUPPORTED"


def test_a_list_of_a_strange_form_is_none(signer: Leaf) -> None:
    def without(name: str) -> Callable[[Any], None]:
        def change(root: Any) -> None:
            for each in [*root.iter(TSL + name)]:
                each.getparent().remove(each)

        return change

    authority = Authority(CA.create("SPECIMEN").der)
    for name in ("SchemeTerritory", "NextUpdate", "TSLSequenceNumber", "ServiceStatus"):
        strange = NationalList("EE", signer, [authority], changes=without(name))
        assert read_list(strange.xml(NOW)).problem == "NOT_A_LIST", name
