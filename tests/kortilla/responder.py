# SPDX-License-Identifier: MIT
"""An OCSP responder and a server of CRLs on loopback; tests set their responses.

``Chain`` has the CAs, and a leaf whose certificates name that server.
"""

import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from asn1crypto import algos, core, crl, ocsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from kortilla.revocation import CertificatePath, Revocation
from kortilla.validation.leaf import ExactCertificate
from tests.kortilla.pki import CA, NOW, Key, Leaf, key

OCSP_SIGNING = bytes.fromhex("300A06082B06010505070309")
NO_CHECK = ("1.3.6.1.5.5.7.48.1.5", bytes.fromhex("0500"))
DIGITAL_SIGNATURE = bytes.fromhex("03020780")
LEAF_SERIAL, CA_SERIAL, OTHER_SERIAL = 0x5EC1, 0xCA01, 0x77

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HASHES = {
    "sha1": hashes.SHA1(),  # noqa: S303 - to be refused
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def sign(signer: Key, algorithm: str, data: bytes) -> tuple[Any, bytes]:
    """Return an AlgorithmIdentifier and a signature: sha384_ecdsa, sha256_rsa, pss."""
    if algorithm == "pss":
        assert isinstance(signer, rsa.RSAPrivateKey)
        hashed = {"algorithm": "sha256"}
        identifier = algos.SignedDigestAlgorithm(
            {
                "algorithm": "rsassa_pss",
                "parameters": {
                    "hash_algorithm": hashed,
                    "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": hashed},
                    "salt_length": 32,
                },
            }
        )
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return identifier, signer.sign(data, pss, hashes.SHA256())
    identifier = algos.SignedDigestAlgorithm({"algorithm": algorithm})
    function = _HASHES[algorithm.partition("_")[0]]
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        return identifier, signer.sign(data, ec.ECDSA(function))
    return identifier, signer.sign(data, padding.PKCS1v15(), function)


def addresses(at: str, issuer: str) -> list[tuple[str, bytes]]:
    """Return the extensions that name a responder and a list; ``extra`` for a CA."""
    access = x509.AuthorityInfoAccessSyntax(
        [{"access_method": "ocsp", "access_location": _uri(f"{at}/ocsp/{issuer}")}]
    )
    return [
        ("1.3.6.1.5.5.7.1.1", access.dump()),
        ("2.5.29.31", distribution_points(f"{at}/crl/{issuer}.crl")),
    ]


def distribution_points(*urls: str) -> bytes:
    """Return the DER of cRLDistributionPoints: one point for each address."""
    encoded: bytes = x509.CRLDistributionPoints(
        [{"distribution_point": full_name(url)} for url in urls]
    ).dump()
    return encoded


def full_name(url: str) -> Any:
    """Return a DistributionPointName."""
    return x509.DistributionPointName("full_name", [_uri(url)])


def _uri(url: str) -> Any:
    # Encoded by hand: asn1crypto would repair some addresses that must be invalid.
    encoded = core.OctetString(url.encode()).dump()
    return x509.GeneralName.load(b"\x86" + encoded[1:])


@dataclass
class Server:
    """Responds with its handlers, and records the requested paths: ``ocsp/issuing``.

    With ``tls`` it is at ``https://localhost``.
    """

    handlers: dict[str, Handler] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    address: str = ""
    tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=1 << 20)
        application.router.add_route("*", "/{what:.*}", self._handle)
        self._runner = web.AppRunner(
            application, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        at = "https://localhost" if self.tls else "http://127.0.0.1"
        self.address = f"{at}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        what = request.match_info["what"]
        self.asked.append(what)
        self.requests.append(request)
        if what not in self.handlers:
            raise web.HTTPNotFound
        return await self.handlers[what](request)


@dataclass(frozen=True)
class Chain:
    """A root, an issuing CA and a leaf whose certificates name a server's address."""

    address: str
    root: CA
    ca: CA
    leaf: Leaf

    @classmethod
    def create(cls, address: str, root: CA, *, extra: Any = None) -> Self:
        """Create CA and leaf; ``extra`` are further extensions for the leaf."""
        ca = make_ca(root, extra=addresses(address, "root"))
        leaf = ca.issue(
            key("P-384"),
            serial_number=LEAF_SERIAL,
            extra=addresses(address, "issuing") if extra is None else extra,
        )
        return cls(address, root, ca, leaf)

    @property
    def path(self) -> CertificatePath:
        """The path as validation returns it."""
        return CertificatePath(
            ExactCertificate.load(self.leaf.der),
            self.ca.certificate,
            self.root.certificate,
        )

    @property
    def path_without_root(self) -> CertificatePath:
        """The path for a service that trusts the issuing CA alone."""
        return CertificatePath(self.path.leaf, self.ca.certificate, None)

    def delegate(self, **options: Any) -> Leaf:
        """Return a responder, by default one that the issuing CA has authorised."""
        options = {
            "serial_number": 0xDE1E,
            "key_usage": DIGITAL_SIGNATURE,
            "extended_key_usage": OCSP_SIGNING,
            "subject_name": x509.Name.build({"common_name": "SPECIMEN Responder"}),
            "policies": (),
            "extra": [NO_CHECK],
        } | options
        by = options.pop("by", self.ca)
        issued: Leaf = by.issue(options.pop("key", key("P-256")), **options)
        return issued


def make_ca(root: CA, *, name: str = "SPECIMEN Issuing CA", extra: Any = ()) -> CA:
    """Create an issuing CA below a root."""
    return CA.create(name, parent=root, serial_number=CA_SERIAL, extra=extra)


@dataclass(frozen=True)
class OCSPAnswer:
    """A response, correct unless a field makes it wrong. ``signer`` None is the CA."""

    ca: CA
    signer: Leaf | None = None
    signing_key: Key | None = None
    certificates: Sequence[bytes] | None = None
    algorithm: str = "sha384_ecdsa"
    status: str = "good"
    reason: str | None = None
    serial: int | None = None
    issuer_hash: bytes | None = None
    this_update: timedelta = timedelta(0)
    next_update: timedelta | None = None
    produced_at: timedelta | None = None
    nonce: bytes | str | None = "echo"
    by_key: bool = False
    extensions: Sequence[Any] = ()
    single_extensions: Sequence[Any] = ()
    times: int = 1
    at: datetime = NOW

    def encode(self, request: bytes) -> bytes:
        """Return the DER of the response to a request."""
        asked = ocsp.OCSPRequest.load(request, strict=True)["tbs_request"]
        cert_id = asked["request_list"][0]["req_cert"].copy()
        if self.serial is not None:
            cert_id["serial_number"] = self.serial
        if self.issuer_hash is not None:
            cert_id["issuer_key_hash"] = self.issuer_hash
        extensions = list(self.extensions)
        nonce = self.nonce
        if nonce == "echo":
            nonce = asked["request_extensions"][0]["extn_value"].parsed.native
        if nonce is not None:
            extensions.append({"extn_id": "nonce", "extn_value": nonce})
        revoked = self.status == "revoked"
        single = {
            "cert_id": cert_id,
            "cert_status": ocsp.CertStatus(
                self.status,
                {"revocation_time": self.at, "revocation_reason": self.reason}
                if revoked
                else None,
            ),
            "this_update": self.at + self.this_update,
        }
        if self.next_update is not None:
            single["next_update"] = self.at + self.next_update
        if self.single_extensions:
            single["single_extensions"] = list(self.single_extensions)
        own = self.signer or self.ca
        signer = x509.Certificate.load(own.der)
        produced = self.this_update if self.produced_at is None else self.produced_at
        content = {
            "responder_id": ocsp.ResponderId("by_key", signer.public_key.sha1)
            if self.by_key
            else ocsp.ResponderId("by_name", signer.subject),
            "produced_at": self.at + produced,
            "responses": [single] * self.times,
        }
        if extensions:
            content["response_extensions"] = extensions
        data = ocsp.ResponseData(content)
        identifier, signature = sign(
            self.signing_key or own.key, self.algorithm, data.dump()
        )
        basic = {
            "tbs_response_data": data,
            "signature_algorithm": identifier,
            "signature": signature,
        }
        certificates = self.certificates
        if certificates is None:
            certificates = [] if self.signer is None else [self.signer.der]
        if certificates:
            basic["certs"] = [x509.Certificate.load(each) for each in certificates]
        answer = {
            "response_type": "basic_ocsp_response",
            "response": ocsp.BasicOCSPResponse(basic),
        }
        encoded: bytes = ocsp.OCSPResponse(
            {"response_status": "successful", "response_bytes": answer}
        ).dump()
        return encoded

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Respond over HTTP."""
        return web.Response(
            body=self.encode(await request.read()),
            content_type="application/ocsp-response",
        )


@dataclass(frozen=True)
class List:
    """A CRL, correct unless a field makes it wrong."""

    ca: CA
    serials: Sequence[int] = (OTHER_SERIAL,)
    reason: str | None = None
    signing_key: Key | None = None
    algorithm: str = "sha384_ecdsa"
    issuer: x509.Name | None = None
    this_update: timedelta = timedelta(hours=-1)
    next_update: timedelta = timedelta(hours=23)
    extensions: Sequence[Any] = ()
    entry_extensions: Sequence[Any] = ()
    at: datetime = NOW

    def encode(self) -> bytes:
        """Return its DER."""
        entry_extensions = list(self.entry_extensions)
        if self.reason:
            entry_extensions.append(
                {"extn_id": "crl_reason", "extn_value": crl.CRLReason(self.reason)}
            )
        entries = []
        for serial in self.serials:
            entry = {
                "user_certificate": serial,
                "revocation_date": x509.Time({"utc_time": self.at}),
            }
            if entry_extensions:
                entry["crl_entry_extensions"] = entry_extensions
            entries.append(entry)
        identifier, _ = sign(self.signing_key or self.ca.key, self.algorithm, b"")
        content: dict[str, Any] = {
            "version": "v2",
            "signature": identifier,
            "issuer": self.issuer or self.ca.certificate.subject,
            "this_update": x509.Time({"utc_time": self.at + self.this_update}),
            "next_update": x509.Time({"utc_time": self.at + self.next_update}),
            "crl_extensions": [
                {"extn_id": "crl_number", "extn_value": core.Integer(1)},
                *self.extensions,
            ],
        }
        if entries:
            content["revoked_certificates"] = entries
        return seal(
            crl.TbsCertList(content).dump(), self.signing_key or self.ca.key, identifier
        )

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve it over HTTP."""
        return web.Response(body=self.encode(), content_type="application/pkix-crl")


def always(content: bytes, **options: Any) -> Handler:
    """Return a handler that always answers with these bytes."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, **options)

    return answer


def seal(signed: bytes, signer: Key, identifier: Any) -> bytes:
    """Sign the encoded data, and build the whole structure."""
    _, signature = sign(signer, identifier["algorithm"].native, signed)
    content = signed + identifier.dump() + core.OctetBitString(signature).dump()
    return _sequence(content)


def _sequence(content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((0x30, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((0x30, 0x80 | len(length))) + length + content


def big_list(ca: CA, count: int, *serials: int) -> bytes:
    """Return a CRL with so many random entries of 20 octets, and with these."""
    random = os.urandom(17 * count)
    tail = bytes.fromhex("170D3236303130313030303030305A300C300A0603551D1504030A0101")
    entries = [
        b"\x30\x33\x02\x14\x01\x02\x03" + random[i : i + 17] + tail
        for i in range(0, len(random), 17)
    ]
    for serial in serials:
        content = core.Integer(serial).dump() + tail
        entries.append(b"\x30" + bytes((len(content),)) + content)
    body = b"".join(entries)
    empty = crl.TbsCertList.load(
        crl.CertificateList.load(List(ca, serials=()).encode())["tbs_cert_list"].dump()
    )
    parts = [
        empty[name].dump()
        for name in ("version", "signature", "issuer", "this_update", "next_update")
    ]
    signed = _sequence(b"".join(parts) + _sequence(body))
    return seal(signed, ca.key, empty["signature"])


class Names(AbstractResolver):
    """Resolves every name to one address, and records the names."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address = address
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name."""
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=self.address,
                port=port,
                family=socket.AF_INET6 if ":" in self.address else socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def close(self) -> None:
        """Nothing to release."""


def checker_by(*, by: Any, **options: Any) -> Revocation:
    """Return a checker that sends requests on loopback, at the time of ``pki``."""
    usual: dict[str, Any] = {
        "by": by,
        "clock": lambda: NOW,
        "allow_private_addresses": True,
        "timeout": 120,  # a busy computer must not fail the test
    }
    return Revocation(**usual | options)
