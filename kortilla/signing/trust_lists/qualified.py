# SPDX-License-Identifier: MIT
"""Whether a certificate was qualified at a time, by a list and by its own statements.

This follows ETSI TS 119 615 §4.3 to §4.5. Where a list says two things, the weaker one
counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

from asn1crypto import core, x509

from kortilla.signing.trust_lists.entries import EIDAS, Criteria, Service, State

#: Statements of EN 319 412-5: qualified, its key is in a qualified device, its use.
_COMPLIANCE, _DEVICE = "0.4.0.1862.1.1", "0.4.0.1862.1.4"
_TYPE = "0.4.0.1862.1.6"
_USES = {
    f"{_TYPE}.1": "signature",
    f"{_TYPE}.2": "seal",
    f"{_TYPE}.3": "website",
}
#: Policies QCP and QCP+ of TS 101 456, from before these statements.
_OLD_POLICY, _OLD_DEVICE_POLICY = "0.4.0.1456.1.2", "0.4.0.1456.1.1"
_QC_STATEMENTS = "1.3.6.1.5.5.7.1.3"
_QUALIFIED_USES = {
    "QCForESig": "signature",
    "QCForESeal": "seal",
    "QCForWSA": "website",
}
_FOR = {"signature": "ForeSignatures", "seal": "ForeSeals"}
_WITH_DEVICE = {"QCWithSSCD", "QCWithQSCD", "QCQSCDManagedOnBehalf"}
_WITHOUT_DEVICE = {"QCNoSSCD", "QCNoQSCD"}
_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "non_repudiation",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "crlSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}

#: What a signature is by its certificate. ``advanced`` has a qualified certificate, and
#: no qualified device; ``none`` has no qualified certificate.
Qualification = Literal[
    "qualified-signature",
    "qualified-seal",
    "advanced-signature",
    "advanced-seal",
    "none",
]


_QUALIFICATIONS: dict[tuple[str, bool], Qualification] = {
    ("signature", True): "qualified-signature",
    ("signature", False): "advanced-signature",
    ("seal", True): "qualified-seal",
    ("seal", False): "advanced-seal",
}


class _Statement(core.Sequence):  # type: ignore[misc] # asn1crypto has no types
    _fields = [
        ("statement_id", core.ObjectIdentifier),
        ("statement_info", core.Any, {"optional": True}),
    ]


class _Statements(core.SequenceOf):  # type: ignore[misc] # asn1crypto has no types
    _child_spec = _Statement


class _Types(core.SequenceOf):  # type: ignore[misc] # asn1crypto has no types
    _child_spec = core.ObjectIdentifier


@dataclass(frozen=True)
class Facts:
    """What a certificate says of itself. ``uses`` are those of its statement."""

    compliant: bool
    device: bool
    uses: frozenset[str]
    usages: frozenset[str]
    policies: frozenset[str]
    purposes: frozenset[str]
    attributes: frozenset[str]

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "Facts":
        """Read a certificate. Raises any exception for odd input, as asn1crypto."""
        said = _statements(certificate)
        policies = frozenset(
            each["policy_identifier"].dotted
            for each in certificate.certificate_policies_value or ()
        )
        old = certificate.not_valid_before < EIDAS
        usage = certificate.key_usage_value
        return cls(
            compliant=_COMPLIANCE in said
            or (old and bool(policies & {_OLD_POLICY, _OLD_DEVICE_POLICY})),
            device=_DEVICE in said or (old and _OLD_DEVICE_POLICY in policies),
            uses=frozenset(_USES[each] for each in said if each in _USES),
            usages=frozenset() if usage is None else frozenset(usage.native),
            policies=policies,
            purposes=frozenset(
                each.dotted for each in certificate.extended_key_usage_value or ()
            ),
            attributes=frozenset(
                each["type"].dotted
                for name in certificate.subject.chosen
                for each in name
            ),
        )


def _statements(certificate: x509.Certificate) -> set[str]:
    """Return the statements, and the uses that one of them names, as dotted OIDs."""
    found: set[str] = set()
    for extension in certificate["tbs_certificate"]["extensions"]:
        if extension["extn_id"].dotted != _QC_STATEMENTS:
            continue
        for each in _Statements.load(extension["extn_value"].contents, strict=True):
            name = each["statement_id"].dotted
            found.add(name)
            if name == _TYPE:
                info = each["statement_info"].dump()
                found |= {use.dotted for use in _Types.load(info, strict=True)}
    return found


def of_its_use(facts: Facts, services: Sequence[Service]) -> Sequence[Service]:
    """Return the entries of an issuer without those that were only for other uses.

    Belgium has two of one certificate: one for signatures, and one for seals.
    """
    wanted = {_FOR.get(use, "") for use in facts.uses or {"signature"}}
    found = []
    for each in services:
        uses = {use for state in each.states for use in state.uses}
        uses = {use for use in uses if use.startswith("Fore")}
        if not uses or uses & wanted:
            found.append(each)
    return found or services


def qualification(
    facts: Facts,
    services: Iterable[Service],
    *,
    issued: datetime,
    signed: Sequence[datetime],
) -> Qualification:
    """Return what a certificate makes of a signature, or ``none``.

    ``services`` are all entries of its issuer. It must have been qualified by each of
    them, when it was issued and at each of the times when it may have signed. These
    decide about the device.
    """
    uses, devices = set(), True
    for service in services:
        for at in (issued, *signed):
            state = service.state_at(at)
            if state is None or state.kind != "qc" or not state.is_granted(at):
                return "none"
            use, device = _judge(facts, state, at)
            uses.add(use)
            devices &= device or at not in signed
    if len(uses) != 1 or not uses <= _FOR.keys():
        return "none"
    return _QUALIFICATIONS[uses.pop(), devices]


def _judge(facts: Facts, state: State, at: datetime) -> tuple[str, bool]:
    """Return the use that a certificate is qualified for, or "", and its device."""
    said, perhaps = _qualifiers(facts, state)
    qualified = facts.compliant or "QCStatement" in said
    if not qualified or "NotQualified" in perhaps:
        return "", False
    named = {use for name, use in _QUALIFIED_USES.items() if name in said}
    uses = named or set(facts.uses) or {"signature"}
    if len(uses) != 1:
        return "", False
    use = uses.pop()
    needed = _FOR.get(use, "")
    if needed not in state.uses and (at >= EIDAS or state.uses or use == "seal"):
        return "", False
    device = facts.device or bool(said & _WITH_DEVICE)
    return use, device and not perhaps & _WITHOUT_DEVICE


def _qualifiers(facts: Facts, state: State) -> tuple[set[str], set[str]]:
    """Return the qualifiers that apply, and all that may apply."""
    said: set[str] = set()
    perhaps: set[str] = set()
    for each in state.qualifications:
        applies = _matches(facts, each.criteria)
        if applies:
            said.update(each.qualifiers)
        if applies is not False:
            perhaps.update(each.qualifiers)
    return said, perhaps


def _matches(facts: Facts, criteria: Criteria) -> bool | None:
    """Return whether criteria match; None if that can't be said."""
    found = [
        *(
            all((_USAGES.get(name) in facts.usages) is value for name, value in bits)
            for bits in criteria.usages
        ),
        *(set(each) <= facts.policies for each in criteria.policies),
        *(set(each) <= facts.purposes for each in criteria.purposes),
        *(set(each) <= facts.attributes for each in criteria.attributes),
        *map(partial(_matches, facts), criteria.inner),
        *([None] if criteria.unknown else []),
    ]
    if criteria.how == "all":
        return False if False in found else None if None in found else True
    some = True if True in found else None if None in found else False
    if criteria.how == "none":
        return None if some is None else not some
    return some
