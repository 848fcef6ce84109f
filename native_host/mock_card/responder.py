# SPDX-License-Identifier: MIT
"""What a CA's OCSP responder answers (RFC 6960), for the mock card's own CAs.

The CA signs by itself. It knows every certificate: what is not revoked is good.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core, ocsp, x509

from .ber import encode, sequence

__all__ = ["AnsweringCA", "answer_ocsp"]

_BASIC = core.ObjectIdentifier("1.3.6.1.5.5.7.48.1.1").dump()


@dataclass(frozen=True)
class AnsweringCA:
    """A CA that answers: its certificate, and how it signs (DER of the algorithm)."""

    certificate: bytes
    algorithm: bytes
    sign: Callable[[bytes], bytes]

    def is_meant(self, cert_id: ocsp.CertId) -> bool:
        """Tell whether it issued the certificate that is asked about."""
        own = x509.Certificate.load(self.certificate)
        name = cert_id["hash_algorithm"]["algorithm"].native
        if name not in {"sha1", "sha256"}:
            return False
        key = bytes(own.public_key["public_key"])
        return bool(
            cert_id["issuer_name_hash"].native
            == hashlib.new(name, own.subject.dump()).digest()
            and cert_id["issuer_key_hash"].native == hashlib.new(name, key).digest()
        )


def answer_ocsp(
    request: bytes,
    authorities: Iterable[AnsweringCA],
    *,
    revoked: Collection[int],
    at: datetime,
    next_update: datetime | None = None,
) -> bytes:
    """Answer a request in DER about one certificate, repeating its nonce.

    What can't be read gets ``malformed_request``, and the certificate of another CA
    ``unauthorized``.
    """
    try:
        asked = ocsp.OCSPRequest.load(request, strict=True)["tbs_request"]
        [single] = asked["request_list"]
        cert_id = single["req_cert"].copy()
        serial = cert_id["serial_number"].native
        nonces = [
            {"extn_id": "nonce", "extn_value": each["extn_value"].parsed.native}
            for each in asked["request_extensions"] or ()
            if each["extn_id"].native == "nonce"
        ]
        ca = next((ca for ca in authorities if ca.is_meant(cert_id)), None)
    except (ValueError, TypeError, KeyError):
        return _unsuccessful("malformed_request")
    if ca is None:
        return _unsuccessful("unauthorized")
    moment = at.replace(microsecond=0)
    status = (
        ocsp.CertStatus("revoked", {"revocation_time": moment})
        if serial in revoked
        else ocsp.CertStatus("good")
    )
    content = {
        "responder_id": ocsp.ResponderId(
            "by_name", x509.Certificate.load(ca.certificate).subject
        ),
        "produced_at": moment,
        "responses": [
            {"cert_id": cert_id, "cert_status": status, "this_update": moment}
            | ({"next_update": next_update} if next_update else {})
        ],
    }
    if nonces:
        content["response_extensions"] = nonces
    data = ocsp.ResponseData(content).dump()
    signature = encode(0x03, b"\0", ca.sign(data))
    basic = encode(0x04, sequence(data, ca.algorithm, signature))
    successful = ocsp.OCSPResponseStatus("successful").dump()
    return sequence(successful, encode(0xA0, sequence(_BASIC, basic)))


def _unsuccessful(status: str) -> bytes:
    return sequence(ocsp.OCSPResponseStatus(status).dump())
