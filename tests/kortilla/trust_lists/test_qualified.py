# SPDX-License-Identifier: MIT
"""Which certificates are qualified, by a list and by what they say of themselves."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kortilla.signing.trust_lists.entries import Service
from kortilla.signing.trust_lists.qualified import Facts, qualification
from kortilla.signing.verification.trust_list_xml import read_list
from kortilla.validation.leaf import load_leaf
from tests.kortilla.pki import CA, Leaf
from tests.kortilla.small_eu import (
    POLICY,
    Authority,
    NationalList,
    policies,
    qualified_leaf,
    qualify,
    statements,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
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
