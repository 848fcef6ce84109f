# SPDX-License-Identifier: MIT
"""Which values of a card are the same for many people, so that they may be copied.

All here are lists of what is allowed. A value that is on none of them is replaced.
"""

import re

__all__ = [
    "COUNTRY",
    "is_file_path",
    "is_known_number",
    "is_known_oid",
    "is_known_text",
    "is_status",
    "oid_name",
]

#: The one value of a person's name that is copied.
COUNTRY = b"FI"

#: The words, in lower case, of labels and of the names of authorities. A text is copied
#: when it has no other word.
_WORDS = frozenset(
    """
    1 2 3 4 15 256 384 521 2048 3072 4096 aes chip ec ecc ecdsa id multiapp p pkcs rsa
    sha256 sha384

    allekirjoitus allekirjoitusavain allekirjoitustunnusluku allekirjoitusvarmenne avain
    digitaalinen henkilökortti ja kansalaisvarmenne kansalaisvarmenteet kortti
    perustunnusluku salausavain todentaminen todentamis todentamisavain
    todentamisvarmenne tunnistus tunnistusavain tunnistusvarmenne tunnusluku valtion
    varmenne varmennekortti

    baskod certifikat kod grundläggande medborgarcertifikat nyckel puk signaturkod

    a and application auth authentication authority ca card cards cert certificate
    certificates citizen code digital eid encryption identity issuing key label non
    nonrepudiation not of only pin pin1 pin2 private public purposes qualified real
    repudiation root services sign signature signing test testing the

    digi dvv fi fineid finland finnish for g2 g2e g2r g3 g3e g3r g4 g4e g4r g5 g5e g5r
    gemalto gov kortilla mock organisational population provider providers specimen
    thales vaestorekisterikeskus vaestotietovirasto vrk väestörekisterikeskus
    väestötietovirasto
    """.split()  # noqa: SIM905 - a list would have a word in each line
)
_BETWEEN_WORDS = re.compile(r"[\s.,:;/()_-]+")

#: Addresses of the authority, which name a CA and never a person
#: (docs/reference/certificates.md, "Profile" and "Revocation"), and of the mock card.
_ADDRESS = re.compile(
    r"http://(proxy|ocsp|crl|www)\.fineid\.fi/"
    r"((crl/|ca/)?(dvv|vrk)(cqc|root|test)[0-9]?[a-z]{0,3}(\.crl|\.crt)?|cps99/?)?"
    r"|http://revocation\.mock-card\.kortilla\.invalid"
    r"/(crl|ca|ocsp)/(issuing|root)(\.crl|\.crt)?"
)

#: Object identifiers that may be copied, by their beginnings: how many numbers may
#: follow, none above 999.
_OIDS = {
    "2.5.4": 1,  # attributes of names, X.520
    "2.5.29": 2,  # extensions, X.509
    "1.3.6.1.5.5.7": 2,  # PKIX
    "0.4.0.1862.1": 2,  # qcStatements, ETSI EN 319 412-5
    "0.4.0.194121.1": 1,  # semantics of identifiers, ETSI EN 319 412-1
    "0.4.0.194112.1": 1,  # policies, ETSI EN 319 411-2
    "1.2.246.517.1.10": 2,  # policies of the authority
    "1.2.246.517.99": 2,  # its test policies
    "1.2.840.10045": 3,  # elliptic curves, X9.62
    "1.2.840.113549.1.1": 1,  # RSA
    "1.2.840.113549.1.9": 1,  # PKCS#9
    "1.2.840.113549.1.15": 3,  # PKCS#15
    "1.3.132.0": 1,  # SEC's curves
    "2.16.840.1.101.3.4": 2,  # NIST's algorithms
}
_MOST_IN_OID = 999

_OID_NAMES = {
    "2.5.4.3": "commonName",
    "2.5.4.4": "surname",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "countryName",
    "2.5.4.10": "organizationName",
    "2.5.4.11": "organizationalUnitName",
    "2.5.4.42": "givenName",
    "2.5.29.14": "subjectKeyIdentifier",
    "2.5.29.15": "keyUsage",
    "2.5.29.17": "subjectAltName",
    "2.5.29.19": "basicConstraints",
    "2.5.29.31": "cRLDistributionPoints",
    "2.5.29.32": "certificatePolicies",
    "2.5.29.35": "authorityKeyIdentifier",
    "2.5.29.37": "extKeyUsage",
    "1.3.6.1.5.5.7.1.1": "authorityInfoAccess",
    "1.3.6.1.5.5.7.1.3": "qcStatements",
    "1.3.6.1.5.5.7.2.1": "cps",
    "1.3.6.1.5.5.7.48.1": "ocsp",
    "1.3.6.1.5.5.7.48.2": "caIssuers",
    "1.2.840.10045.2.1": "ecPublicKey",
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.113549.1.1.1": "rsaEncryption",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
}

#: Lengths of keys in bits, and mechanisms of PKCS#11, in EF.PrKD and EF.TokenInfo.
_NUMBERS = {256, 384, 521, 1024, 2048, 3072, 4096, *range(0x1040, 0x1052)}

_MOST_FILES = 5  # in a path, with the master file
_FILE_BEGINNINGS = frozenset({0x2F, 0x3F, *range(0x40, 0x60)})


def is_known_text(raw: bytes) -> bool:
    """Whether a text, in UTF-8, is made of known words, or a known address."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    if _ADDRESS.fullmatch(text):
        return True
    words = [each for each in _BETWEEN_WORDS.split(text.lower()) if each]
    return bool(words) and _WORDS.issuperset(words)


def is_known_oid(dotted: str) -> bool:
    """Whether an object identifier is of a known family."""
    for beginning, most in _OIDS.items():
        if dotted.startswith(f"{beginning}."):
            rest = dotted[len(beginning) + 1 :].split(".")
            return len(rest) <= most and all(int(n) <= _MOST_IN_OID for n in rest)
    return False


def oid_name(dotted: str) -> str:
    """Return the name that a standard gives an object identifier, or the numbers."""
    return _OID_NAMES.get(dotted, dotted)


def is_known_number(value: bytes) -> bool:
    """Whether the content of an INTEGER is a byte, or a length or mechanism."""
    if len(value) == 2:
        return value[0] in {0x00, 0xFF} or int.from_bytes(value) in _NUMBERS
    return len(value) == 1


def is_file_path(value: bytes) -> bool:
    """Whether bytes are a path of file ids, and no text or number in their place.

    The ids of docs/reference/card.md, "Files", begin with 2F, 3F or 40 to 5F. None ends
    with a letter.
    """
    return (
        0 < len(value) <= 2 * _MOST_FILES
        and len(value) % 2 == 0
        and all(high in _FILE_BEGINNINGS for high in value[::2])
        and not any(chr(low).isascii() and chr(low).isalpha() for low in value[1::2])
    )


def is_status(status: int) -> bool:
    """Whether a status word is one that ISO/IEC 7816-4 §5.6 knows."""
    return status == 0x9000 or 0x6100 <= status < 0x7000
