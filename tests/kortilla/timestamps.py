# SPDX-License-Identifier: MIT
"""Time-stamping services and revocation data of a mock card's CAs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from asn1crypto import cms, ocsp, x509
from asn1crypto.core import Integer
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import random_serial_number
from pyhanko.sign.timestamps import DummyTimeStamper, dummy_client

from kortilla.mock_card.authority import Authority
from kortilla.mock_card.keys import load_private_key
from tests.kortilla.pki import CA, key
from tests.kortilla.signing_parts import for_pyhanko

# Its service would check the primes of its key anew for each timestamp, for 30 ms.
vars(dummy_client)["serialization"] = SimpleNamespace(
    load_der_private_key=lambda der, password: load_private_key(der)
)
#: The extended key usage, which is critical (RFC 3161 §2.3).
TIME_STAMPING = ("2.5.29.37", x509.ExtKeyUsageSyntax(["time_stamping"]).dump())


def stamper(
    ca: Authority | CA,
    extra: bytes = b"",
    more: Sequence[tuple[str, bytes]] = (),
    *,
    days: int = 299,
    purpose: Sequence[tuple[str, bytes]] = (TIME_STAMPING,),
    at: datetime | None = None,
    **changes: Any,
) -> DummyTimeStamper:
    """Return a time-stamping service with a certificate of a CA, valid for days.

    Its clock stands still at a time, if one is given. ``changes`` are for ``issue``.
    """
    if not isinstance(ca, CA):
        issuing = ca.issuing.public_bytes(serialization.Encoding.DER)
        ca = CA(x509.Certificate.load(issuing), ca.issuing_key)
    options: dict[str, Any] = {
        "subject_name": x509.Name.build({"common_name": "SPECIMEN Timestamps"}),
        "not_before": timedelta(days=-2),
        "not_after": timedelta(days=days),
        "key_usage": None,
        "basic_constraints": None,
        "policies": (),
        "null_parameter": False,
        "serial_number": random_serial_number(),
        "extra": [*purpose, *([("1.2.3.4", extra)] if extra else []), *more],
        "extra_critical": frozenset({TIME_STAMPING[0]}),
    }
    leaf = ca.issue(key("RSA-2048"), **options | changes)
    return DummyTimeStamper(*for_pyhanko(leaf), fixed_dt=at)


class Odd(DummyTimeStamper):
    """A service whose timestamps have more fields, or don't name its certificate."""

    def __init__(
        self, honest: DummyTimeStamper, *, names: bool = True, **fields: Any
    ) -> None:
        super().__init__(honest.tsa_cert, honest.tsa_key)
        self.names, self.fields = names, fields

    def _build_tst_info(self, *args: Any) -> Any:
        built = super()._build_tst_info(*args)
        for name, value in self.fields.items():
            built[name] = value
        return built

    def _sign_tst_info(self, data: bytes, function: str, at: datetime) -> Any:
        signature, attributes = super()._sign_tst_info(data, function, at)
        if self.names:
            return signature, attributes
        others = [e for e in attributes if e["type"].native != "signing_certificate"]
        attributes = cms.CMSAttributes(others)
        own = load_private_key(self.tsa_key.dump())
        assert isinstance(own, rsa.RSAPrivateKey)
        scheme = getattr(hashes, function.upper())()
        return own.sign(attributes.dump(), padding.PKCS1v15(), scheme), attributes


class Unreliable(DummyTimeStamper):
    """A service that answers in turn: rightly (True), of other data, or not at all."""

    def __init__(self, honest: DummyTimeStamper, *answers: Exception | bool) -> None:
        super().__init__(honest.tsa_cert, honest.tsa_key)
        self.answers = list(answers)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        digest = message_digest if answer else bytes(len(message_digest))
        return await super().async_timestamp(digest, md_algorithm)


def ocsp_answer(authority: Authority, certificate: bytes, **more: Any) -> bytes:
    """Request the status of a certificate from the responder of its CA."""
    about = x509.Certificate.load(certificate)
    root, issuing = map(
        x509.Certificate.load, (authority.root_der, authority.issuing_der)
    )
    above = issuing if about.issuer == issuing.subject else root
    cert_id = {
        "hash_algorithm": {"algorithm": "sha1"},
        "issuer_name_hash": above.subject.sha1,
        "issuer_key_hash": above.public_key.sha1,
        "serial_number": Integer(about.serial_number),
    }
    request = ocsp.OCSPRequest(
        {"tbs_request": {"request_list": [{"req_cert": cert_id}]}}
    )
    return authority.answer_ocsp(request.dump(), at=datetime.now(UTC), **more)


def lists(authority: Authority, at: datetime | None = None) -> tuple[bytes, bytes]:
    """Return the CRLs of the two CAs, which are empty. They are of yesterday."""
    at = at or datetime.now(UTC) - timedelta(days=1)
    return authority.revoke([], at), authority.revoke([], at, by="root")
