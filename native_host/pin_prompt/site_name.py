# SPDX-License-Identifier: MIT
"""The parts of an origin that the prompt shows."""

import unicodedata
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from publicsuffixlist import PSLFILE, PublicSuffixList


@dataclass(frozen=True)
class SiteName:
    """An origin, its registrable domain and its Unicode form.

    ``origin[start:end]`` is the registrable domain, which identifies the site's owner,
    or the whole host if there is none. ``international`` is the host in Unicode, or
    None if it is the same.
    """

    origin: str
    start: int
    end: int
    international: str | None

    @classmethod
    def of(cls, origin: str) -> "SiteName":
        """Parse an origin that ``check_origin`` has accepted."""
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
    """Return the public suffix list's rules for the name's top-level domain.

    Parsing the whole list would take a tenth of the time until the window is visible.
    """
    top = _decode(name.rpartition(".")[2])
    before = f"{Path(PSLFILE).read_text('utf-8')}\n".split(f"{top}\n")[:-1]
    rules = (part.rpartition("\n")[2] + top for part in before)
    return PublicSuffixList(rule for rule in rules if rule.rpartition(".")[2] == top)


def _international(host: str) -> str | None:
    decoded = ".".join(_decode(label) for label in host.split("."))
    return None if decoded == host else decoded


def _decode(label: str) -> str:
    """Return a label in Unicode, or unchanged if it does not decode to plain letters.

    The Unicode form must encode to the same label again, so that a malformed name
    never reads like another one.
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
