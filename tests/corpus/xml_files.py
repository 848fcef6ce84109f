# SPDX-License-Identifier: MIT
"""Changes of the XML of a container's signature, and of detached signatures.

In signature wrapping the signed element is still in the document, but a program reads
another one (McIntosh and Austel, 2005).
"""

import base64
import re
from collections.abc import Callable

from asn1crypto import cms, pem

XML_14 = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
BASE64 = "http://www.w3.org/2000/09/xmldsig#base64"
Change = Callable[[str], str]
CONTENT = b"Sopimus"


def _uri(new: str) -> Change:
    return lambda xml: xml.replace('URI="sopimus.txt"', f'URI="{new}"')


def _in_reference(new: str) -> Change:
    return lambda xml: xml.replace("<ds:DigestMethod", new + "<ds:DigestMethod", 1)


def _element(xml: str, name: str) -> str:
    found = re.search(rf"<{name}[ >].*?</{name}>", xml, re.DOTALL)
    assert found
    return found[0]


def _doubled(name: str) -> Change:
    """Put a changed copy of an element before it."""

    def change(xml: str) -> str:
        own = _element(xml, name)
        return xml.replace(own, own.replace('Id="', 'Id="x') + own, 1)

    return change


def _without(name: str) -> Change:
    return lambda xml: xml.replace(_element(xml, name), "", 1)


def _moved_into_object(xml: str) -> str:
    """Move the signed information into an object, and put another one in its place."""
    own = _element(xml, "ds:SignedInfo")
    forged = own.replace("sopimus.txt", "velka.txt")
    moved = xml.replace(own, forged, 1)
    return moved.replace(
        "</ds:Signature>", f"<ds:Object>{own}</ds:Object></ds:Signature>"
    )


def _in_wrapper(xml: str) -> str:
    """Put the signature into another element."""
    own = _element(xml, "ds:Signature")
    return xml.replace(own, f"<a>{own}</a>")


def _transform(algorithm: str) -> Change:
    one = f'<ds:Transform Algorithm="{algorithm}"/>'
    return _in_reference(f"<ds:Transforms>{one}</ds:Transforms>")


def _other_certificate(xml: str) -> str:
    found = re.search("<ds:X509Certificate>([^<]*)<", xml)
    assert found
    der = bytearray(base64.b64decode(found[1]))
    der[-1] ^= 1
    return xml.replace(found[1], base64.b64encode(der).decode())


HARMLESS: dict[str, Change] = {
    "a blank at the end": lambda xml: xml + "\n",
    "another prefix for what is not signed": lambda xml: xml.replace(
        "</ds:Signature>", '<ds:Object Id="more">x</ds:Object></ds:Signature>'
    ),
}
FORGED: dict[str, Change] = {
    "a reference in other letters": _uri("SOPIMUS.TXT"),
    "a reference with escapes": _uri("%73opimus.txt"),
    "a reference from the root": _uri("/sopimus.txt"),
    "a reference with a dot": _uri("./sopimus.txt"),
    "a reference to a part": _uri("sopimus.txt#a"),
    "a reference with a question": _uri("sopimus.txt?a"),
    "a reference of the system": _uri("file:///etc/passwd"),
    "a reference over the network": _uri("http://service.example/sopimus.txt"),
    "a reference to the whole document": _uri(""),
    "a reference to an element": _uri("#S0"),
    "a reference to what is not there": _uri("velka.txt"),
    "a reference twice": _doubled("ds:Reference"),
    "a reference less": _without("ds:Reference"),
    "no signed information": _without("ds:SignedInfo"),
    "signed information twice": _doubled("ds:SignedInfo"),
    "signed information in an object": _moved_into_object,
    "no value": _without("ds:SignatureValue"),
    "a value twice": _doubled("ds:SignatureValue"),
    "no properties": _without("xades:SignedProperties"),
    "properties twice": _doubled("xades:SignedProperties"),
    "properties of another signature": lambda xml: xml.replace(
        'Target="#', 'Target="#x'
    ),
    "a signature in another element": _in_wrapper,
    "a signature twice": _doubled("ds:Signature"),
    "a transform by xpath": _transform(XPATH),
    "a transform by base64": _transform(BASE64),
    "a transform by canonical xml": _transform(XML_14),
    "another certificate": _other_certificate,
    "no certificate": _without("ds:KeyInfo"),
    "an instruction": lambda xml: xml.replace(
        "<ds:SignedInfo", "<?a b?><ds:SignedInfo"
    ),
    "a section of characters": lambda xml: xml.replace(">2", "><![CDATA[2]]>", 1),
    "a base": lambda xml: xml.replace(
        "<ds:SignedInfo", '<ds:SignedInfo xml:base="http://service.example/"'
    ),
    "an identifier in another namespace": lambda xml: xml.replace(
        "<ds:SignedInfo", '<ds:SignedInfo xml:id="a"'
    ),
    "another algorithm": lambda xml: re.sub("ecdsa-sha384", "ecdsa-sha256", xml),
    "an hmac": lambda xml: re.sub(
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha384",
        xml,
    ),
    "another canonical form": lambda xml: re.sub(
        "(CanonicalizationMethod Algorithm=.)[^\"']*", r"\g<1>urn:nothing", xml
    ),
    "another root": lambda xml: xml.replace("asic:XAdESSignatures", "asic:Signatures"),
}


def _signers(change: Callable[[cms.SignedData], None]) -> Callable[[bytes], object]:
    def changed(signature: bytes) -> tuple[bytes, bytes]:
        info = cms.ContentInfo.load(signature)
        change(info["content"])
        return CONTENT, info.dump()

    return changed


def _forged_digest(signed: cms.SignedData) -> None:
    for each in signed["signer_infos"][0]["signed_attrs"]:
        if each["type"].native == "message_digest":
            each["values"] = [bytes(48)]


def _no_certificates(signed: cms.SignedData) -> None:
    signed["certificates"] = []


def _no_signers(signed: cms.SignedData) -> None:
    signed["signer_infos"] = []


def _two_signers(signed: cms.SignedData) -> None:
    signed["signer_infos"] = [*signed["signer_infos"]] * 2


def _other_type(signed: cms.SignedData) -> None:
    signed["encap_content_info"]["content_type"] = "1.2.3.4"


def _with_content(content: bytes) -> Callable[[cms.SignedData], None]:
    def change(signed: cms.SignedData) -> None:
        signed["encap_content_info"]["content"] = content

    return change


def _other_serial(signed: cms.SignedData) -> None:
    own = signed["signer_infos"][0]["sid"].chosen
    other = {"issuer": own["issuer"], "serial_number": 7}
    signed["signer_infos"][0]["sid"] = {"issuer_and_serial_number": other}


#: Of a detached signature of ``CONTENT``: the file and its signature.
DETACHED: dict[str, Callable[[bytes], object]] = {
    "in letters": lambda p7s: (CONTENT, pem.armor("CMS", p7s)),
    "with the same content inside": _signers(_with_content(CONTENT)),
    "only its content": lambda p7s: (None, _signers(_with_content(CONTENT))(p7s)[1]),  # type: ignore[index]
    "two signers who are one": _signers(_two_signers),
    "a file with a blank more": lambda p7s: (CONTENT + b"\n", p7s),
    "an empty file": lambda p7s: (b"", p7s),
    "octets after it": lambda p7s: (CONTENT, p7s + b"VELKA"),
    "another digest": _signers(_forged_digest),
    "no certificates": _signers(_no_certificates),
    "no signers": _signers(_no_signers),
    "a content of another type": _signers(_other_type),
    "another content inside": _signers(_with_content(b"VELKA 100000")),
    "the serial number of another certificate": _signers(_other_serial),
}
