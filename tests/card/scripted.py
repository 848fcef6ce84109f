# SPDX-License-Identifier: MIT
"""A connection that expects exact bytes, and certificates like those of real cards."""

from collections.abc import Callable
from datetime import UTC, datetime

from asn1crypto import algos, core, keys, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
)

from native_host.card.fineid import CardKey, KeyRole
from native_host.card.pin_pad import PinPad
from native_host.card.signature import KeyType, Padding, SignatureAlgorithm

Answer = str | Callable[[bytes], bytes]

# The keys in the table of docs/reference/card.md, "Files".
AUTHENTICATION = CardKey(KeyRole.AUTHENTICATION, KeyType.ECC, 1, b"\x43\x31")
AUTHENTICATION_RSA = CardKey(KeyRole.AUTHENTICATION, KeyType.RSA, 1, b"\x43\x31")
SIGNATURE = CardKey(KeyRole.SIGNATURE, KeyType.ECC, 2, b"\x50\x16\x43\x32")

ES384 = SignatureAlgorithm(KeyType.ECC, "SHA-384")
PS256 = SignatureAlgorithm(KeyType.RSA, "SHA-256", Padding.PSS)

SELECT = "00A4040C0CA000000063504B43532D3135"
SELECT_AUTHENTICATION = "00A4080402433100"
SELECT_DIRECTORY = "00A4080402503100"
SELECT_SIGNATURE = "00A40804045016433200"
PIN_INFO = "00CB00FF05A003830111"
PIN2_INFO = "00CB00FF05A003830182"
VERIFY_123456 = "002000820C313233343536000000000000"
VERIFY_1234 = "002000110C313233340000000000000000"


def pin_information(*, tries: int = 5, changed: str = "01", ref: str = "11") -> str:
    """Return a response with PIN information as in docs/reference/card.md."""
    return (
        f"A0238301{ref}8C04F00000009C04F0000000DF2104{tries:02X}FFA503"
        f"DF2702FFFFDF28010CDF2F01{changed}9000"
    )


class Script:
    """A card that expects exactly the script's commands and gives its responses.

    A response is a string of hexadecimal digits that ends with the status word, or a
    function of the command that returns such bytes. An exception is raised as the
    connection would raise it.
    """

    atr: bytes | None = None
    pin_pad: PinPad | None = None

    def __init__(self, *exchanges: tuple[str, Answer | Exception]) -> None:
        self.exchanges = list(exchanges)
        self.position = 0

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        assert type(apdu) is bytes
        assert self.position < len(self.exchanges), f"unexpected {apdu.hex().upper()}"
        expected, answer = self.exchanges[self.position]
        assert apdu.hex().upper() == expected.replace(" ", "")
        self.position += 1
        if isinstance(answer, Exception):
            raise answer
        reply = answer(apdu) if callable(answer) else bytes.fromhex(answer)
        return reply[:-2], int.from_bytes(reply[-2:])

    def add(self, *exchanges: tuple[str, Answer | Exception]) -> None:
        """Continue the script."""
        self.exchanges += exchanges

    def assert_done(self) -> None:
        """Check that the script is finished."""
        assert self.position == len(self.exchanges)


class ScriptT1(Script):
    """The same over T=1."""

    protocol = 1


def file_exchanges(content: bytes, *, step: int = 181) -> list[tuple[str, Answer]]:
    """Return the exchanges that read a file after its control parameters."""
    return [
        (f"00B0{offset:04X}00", content[offset : offset + step].hex() + "9000")
        for offset in range(0, len(content), step)
    ]


def control_parameters(size: int) -> str:
    """Return the answer to SELECT of a file of ``size`` bytes."""
    return f"62048102{size:04X}9000"


# keyUsage as in docs/reference/certificates.md, "Profile".
AUTHENTICATING = "03020388"
AUTHENTICATING_RSA = "030204B0"
SIGNING = "03020640"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def card_signature(
    key: PrivateKey,
    digest: bytes,
    algorithm: hashes.HashAlgorithm,
    *,
    pkcs1: bool = False,
) -> bytes:
    """Sign a digest as the card does: r‖s, or PSS with a salt as long as the hash."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(algorithm))))
        return r.to_bytes(size) + s.to_bytes(size)
    if pkcs1:
        return key.sign(digest, padding.PKCS1v15(), Prehashed(algorithm))
    pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
    return key.sign(digest, pss, Prehashed(algorithm))


def make_certificate(
    key: PrivateKey,
    *,
    null_parameters: bool = True,
    surname: str = "SPECIMEN-KORHONEN",
    given_name: str = "Aino",
    satu: str | None = "99900111N",
    common_name: str = "SPECIMEN-WRONG NAME 00000000X",
    key_usage: str | None = AUTHENTICATING,
    policy: str = "1.2.246.517.1.10.352.1",
) -> bytes:
    """Create a leaf certificate with the encoding defects of real ones.

    See docs/reference/certificates.md, "Encoding defects".

    basicConstraints encodes its default value. With ``null_parameters`` the algorithm
    has NULL parameters. The common name differs from the attributes on purpose. Another
    key signs the certificate; no test needs the certificate of that key.
    """
    issuer_key = ec.generate_private_key(ec.SECP384R1())
    algorithm = algos.SignedDigestAlgorithm(
        {
            "algorithm": "sha384_ecdsa",
            "parameters": core.Null() if null_parameters else None,
        }
    )
    public_key = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    to_be_signed = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": 1,
            "signature": algorithm,
            "issuer": _name(("common_name", "SPECIMEN CA")),
            "validity": {
                "not_before": x509.Time({"utc_time": datetime(2024, 1, 1, tzinfo=UTC)}),
                "not_after": x509.Time(
                    {"utc_time": datetime(2028, 12, 31, 23, 59, 59, tzinfo=UTC)}
                ),
            },
            "subject": _name(
                ("country_name", "FI"),
                ("serial_number", satu),
                ("given_name", given_name),
                ("surname", surname),
                ("common_name", common_name),
            ),
            "subject_public_key_info": keys.PublicKeyInfo.load(public_key),
            "extensions": [
                {
                    "extn_id": "basic_constraints",
                    "critical": False,
                    "extn_value": core.ParsableOctetString(bytes.fromhex("3003010100")),
                },
                {
                    "extn_id": "certificate_policies",
                    "critical": False,
                    "extn_value": x509.CertificatePolicies(
                        [{"policy_identifier": policy}]
                    ),
                },
                *(
                    [
                        {
                            "extn_id": "key_usage",
                            "critical": True,
                            "extn_value": core.ParsableOctetString(
                                bytes.fromhex(key_usage)
                            ),
                        }
                    ]
                    if key_usage
                    else []
                ),
            ],
        }
    )
    signature = issuer_key.sign(to_be_signed.dump(), ec.ECDSA(hashes.SHA384()))
    certificate = x509.Certificate(
        {
            "tbs_certificate": to_be_signed,
            "signature_algorithm": algorithm,
            "signature_value": core.OctetBitString(signature),
        }
    )
    return bytes(certificate.dump())


def _name(*attributes: tuple[str, str | None]) -> x509.Name:
    printable = {"country_name", "serial_number"}
    return x509.Name(
        name="",
        value=x509.RDNSequence(
            [
                x509.RelativeDistinguishedName(
                    [
                        x509.NameTypeAndValue(
                            {
                                "type": kind,
                                "value": core.PrintableString(value)
                                if kind in printable
                                else x509.DirectoryString(
                                    name="utf8_string", value=value
                                ),
                            }
                        )
                    ]
                )
                for kind, value in attributes
                if value is not None
            ]
        ),
    )
