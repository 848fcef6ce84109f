# SPDX-License-Identifier: MIT
"""How an origin is shown: what of it counts, and how it reads in other letters."""

import unicodedata
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from publicsuffixlist import PSLFILE, PublicSuffixList

__all__ = ["SiteName"]


@dataclass(frozen=True)
class SiteName:
    """An origin and what is to be known about it.

    ``origin[start:end]`` is the registrable domain, the part that somebody had to
    register and that tells whose site it is; the whole host where there is none.
    ``international`` is the host in Unicode, or None where it reads the same.
    """

    origin: str
    start: int
    end: int
    international: str | None

    @classmethod
    def of(cls, origin: str) -> "SiteName":
        """Take an origin that ``native_host.origin.check_origin`` has passed."""
        host = urlsplit(origin).hostname or ""
        domain = _registrable_domain(host)
        end = origin.rindex(host) + len(host)
        return cls(origin, end - len(domain), end, _international(host))


def _registrable_domain(host: str) -> str:
    name = host.removesuffix(".")
    try:
        ip_address(name)
    except ValueError:
        return (_suffixes(name).privatesuffix(name) or name) + host[len(name) :]
    return host


def _suffixes(name: str) -> PublicSuffixList:
    """Return the rules of the public suffix list under the name's top-level domain.

    Reading the whole list would cost a tenth of the time until the window is there.
    """
    top = _decode(name.rpartition(".")[2])
    lines = Path(PSLFILE).read_text("utf-8").splitlines()
    return PublicSuffixList(line for line in lines if line.rpartition(".")[2] == top)


def _international(host: str) -> str | None:
    decoded = ".".join(_decode(label) for label in host.split("."))
    return None if decoded == host else decoded


def _decode(label: str) -> str:
    """Return a label in Unicode, or as it is when it does not decode to plain letters.

    Only what encodes back to the same label counts, so that two different names never
    read the same because one of them is malformed.
    """
    if not label.startswith("xn--"):
        return label
    encoded = label.removeprefix("xn--")
    try:
        decoded = encoded.encode("ascii").decode("punycode")
        again = decoded.encode("punycode").decode("ascii")
    except ValueError:
        return label
    plain = all(unicodedata.category(c)[0] in "LMN" or c in "-·" for c in decoded)
    normal = unicodedata.normalize("NFC", decoded.lower()) == decoded
    own = not decoded.isascii() and again == encoded
    return decoded if plain and normal and own else label
