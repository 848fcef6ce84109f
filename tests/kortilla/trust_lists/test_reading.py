# SPDX-License-Identifier: MIT
"""What is read of a trusted list, which XML is none, and what is qualified by one."""

import base64
import subprocess
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from kortilla.signing import xades
from kortilla.signing.trust_lists.entries import ReadList, Service
from kortilla.signing.trust_lists.qualified import Facts, qualification
from kortilla.signing.verification.trust_list_xml import TSL, read_list
from kortilla.signing.xades import DS
from kortilla.validation.leaf import load_leaf
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.small_eu import (
    POLICY,
    Authority,
    NationalList,
    policies,
    qualified_leaf,
    qualify,
    sign,
    statements,
)

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


ISSUED = datetime(2026, 5, 1, tzinfo=UTC)
OLD = datetime(2015, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca() -> CA:
    return CA.create("SPECIMEN-ESTEID")


def service_of(ca: CA, signer: Leaf, **options: Any) -> Service:
    """Return a service as it is read from a list."""
    authority = Authority(ca.der, **options)
    found = read_list(NationalList("EE", signer, [authority]).xml(NOW)).trust_list
    assert found is not None
    return found.services[0]


def usage(name: str, value: str) -> str:
    bit = f'<sie:KeyUsageBit name="{name}">{value}</sie:KeyUsageBit>'
    return f"<sie:KeyUsage>{bit}</sie:KeyUsage>"


UNKNOWN = "<sie:otherCriteriaList><tslx:Moon/></sie:otherCriteriaList>"
SIGNATURE, SEAL = "qualified-signature", "qualified-seal"
NO_DEVICE = {"extra": [statements(device=False)]}
NOTHING: dict[str, Any] = {"extra": ()}


@pytest.mark.parametrize(
    ("expected", "leaf", "service"),
    [
        (SIGNATURE, {}, {}),
        (SEAL, {"extra": [statements(seal=True)]}, {}),
        ("advanced-signature", NO_DEVICE, {}),
        ("advanced-seal", {"extra": [statements(seal=True, device=False)]}, {}),
        # A certificate that does not say that it is qualified is not.
        ("none", NOTHING, {}),
        # The authority is for the other use only.
        ("none", {}, {"uses": ["ForeSeals"]}),
        ("none", {}, {"uses": []}),
        ("none", {"extra": [statements(seal=True)]}, {"uses": ["ForeSignatures"]}),
        # What the list says of it.
        (SIGNATURE, NOTHING, {"more": qualify("QCStatement", "QCWithQSCD")}),
        ("advanced-signature", NOTHING, {"more": qualify("QCStatement")}),
        (SIGNATURE, NO_DEVICE, {"more": qualify("QCQSCDManagedOnBehalf")}),
        ("advanced-signature", {}, {"more": qualify("QCNoQSCD")}),
        ("advanced-signature", {}, {"more": qualify("QCWithQSCD", "QCNoSSCD")}),
        ("none", {}, {"more": qualify("NotQualified")}),
        ("none", {}, {"more": qualify("QCStatement", "NotQualified")}),
        (SEAL, {}, {"more": qualify("QCForESeal")}),
        ("none", {}, {"more": qualify("QCForWSA")}),
        ("none", {}, {"more": qualify("QCForESeal", "QCForESig")}),
        # Which certificates that concerns.
        (SIGNATURE, {}, {"more": qualify("NotQualified", criteria=policies("1.2.3"))}),
        (
            "none",
            {},
            {"more": qualify("NotQualified", criteria=usage("nonRepudiation", "true"))},
        ),
        (
            SIGNATURE,
            {},
            {
                "more": qualify(
                    "NotQualified", criteria=usage("nonRepudiation", "false")
                )
            },
        ),
        (
            SIGNATURE,
            {},
            {"more": qualify("NotQualified", how="none")},
        ),
        (
            "none",
            {},
            {
                "more": qualify(
                    "NotQualified",
                    how="all",
                    criteria=policies(POLICY) + usage("digitalSignature", "false"),
                )
            },
        ),
        # Criteria that are not known may match: what is worse counts.
        ("none", {}, {"more": qualify("NotQualified", criteria=UNKNOWN)}),
        ("none", NOTHING, {"more": qualify("QCStatement", criteria=UNKNOWN)}),
        # An extension that must be understood, and is not.
        ("none", {}, {"more": '<Extension Critical="true"><tslx:Moon/></Extension>'}),
        (
            SIGNATURE,
            {},
            {"more": '<Extension Critical="false"><tslx:Moon/></Extension>'},
        ),
        # States: the one at the time counts, and the one when it was issued.
        ("none", {}, {"states": [("withdrawn", ISSUED)]}),
        ("none", {}, {"states": [("granted", NOW)]}),
        ("none", {}, {"states": [("recognisedatnationallevel", OLD)]}),
        ("none", {}, {"states": [("undersupervision", OLD)]}),
        (
            SIGNATURE,
            {},
            {"states": [("withdrawn", NOW + timedelta(days=1)), ("granted", OLD)]},
        ),
        ("none", {}, {"states": [("withdrawn", NOW), ("granted", OLD)]}),
    ],
)
def test_what_a_certificate_makes_of_a_signature(
    ca: CA,
    signer: Leaf,
    expected: str,
    leaf: dict[str, Any],
    service: dict[str, Any],
) -> None:
    issued = qualified_leaf(ca, policies=(POLICY,), not_before=ISSUED, **leaf)
    facts = Facts.of(load_leaf(issued.der))
    said = qualification(
        facts, [service_of(ca, signer, **service)], issued=ISSUED, signed=[NOW]
    )
    assert said == expected


def test_before_the_regulation_other_statuses_and_policies_counted(
    ca: CA, signer: Leaf
) -> None:
    at = OLD + timedelta(days=100)
    for policy, expected in (
        ("0.4.0.1456.1.1", SIGNATURE),
        ("0.4.0.1456.1.2", "advanced-signature"),
        (POLICY, "none"),
    ):
        issued = qualified_leaf(ca, policies=(policy,), not_before=OLD, extra=())
        facts = Facts.of(load_leaf(issued.der))
        for status in ("undersupervision", "accredited", "supervisionincessation"):
            states = [("granted", datetime(2016, 7, 1, tzinfo=UTC))]
            states.append((status, OLD - timedelta(days=999)))
            service = service_of(ca, signer, states=states, uses=())
            for time, said in ((at, expected), (NOW, "none")):
                assert (
                    qualification(facts, [service], issued=OLD, signed=[time]) == said
                )


def test_a_service_that_never_issued_certificates_is_left_out(
    ca: CA, signer: Leaf
) -> None:
    national = NationalList("EE", signer, [Authority(ca.der, kind="CA/PKC")])
    found = read_list(national.xml(NOW)).trust_list
    assert found is not None
    assert found.services == ()


def test_times_of_a_time_stamping_service(ca: CA, signer: Leaf) -> None:
    first, second = OLD, datetime(2020, 1, 1, tzinfo=UTC)
    states = [("withdrawn", NOW), ("granted", second), ("undersupervision", first)]
    service = service_of(ca, signer, kind="TSA/QTST", states=states)
    assert service.granted_times("qtst") == [(first, second), (second, NOW)]
    assert service.granted_times("qc") == []
    assert base64.b64decode(service.certificates[0]) == ca.der


def test_the_facts_of_a_certificate(ca: CA) -> None:
    facts = Facts.of(load_leaf(qualified_leaf(ca).der))
    assert facts.compliant
    assert facts.device
    assert facts.uses == {"signature"}
    assert facts.usages == {"non_repudiation"}
    assert "2.5.4.5" in facts.attributes
