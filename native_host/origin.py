# SPDX-License-Identifier: MIT
"""The validation of origins.

The origin comes from the browser and is signed byte for byte, so nothing is corrected
here. A text that is not the serialisation of an origin (RFC 6454 §6.2, as in browsers:
lower case, no default port, punycode) is refused.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from native_host.errors import OriginRefusedError

#: Longest origin in characters (Web eID's limit).
MAX_LENGTH = 255

# No zone (%) in an IPv6 address: browsers send none, and it could hold any text.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[^\]/%]*\]|[^:/?#@\[\]]*)(?P<port>:[0-9]*)?"
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_DEFAULT_PORT = {"https": ":443", "http": ":80"}


def check_origin(origin: str, *, allow_localhost: bool = False) -> str:
    """Return a permitted ``origin`` unchanged, else raise ``OriginRefusedError``.

    ``allow_localhost`` is the developer setting that permits ``http`` on the loopback
    names ``localhost``, ``127.0.0.1`` and ``[::1]``.
    """
    if not origin.isascii():
        raise OriginRefusedError("The origin holds characters outside ASCII.")
    if len(origin) > MAX_LENGTH:
        raise OriginRefusedError(f"The origin is longer than {MAX_LENGTH} characters.")
    match = _ORIGIN.match(origin)
    if match is None:
        raise OriginRefusedError("The origin is not of the form https://host[:port].")
    rest = origin[match.end() :]
    if "@" in rest:
        raise OriginRefusedError("The origin holds user information.")
    if rest:
        raise OriginRefusedError("The origin holds more than scheme, host and port.")
    scheme, host, port = match["scheme"], match["host"], match["port"] or ""
    if scheme not in _DEFAULT_PORT:
        raise OriginRefusedError("The origin's scheme is not https.")
    if not _is_host(host):
        raise OriginRefusedError("The origin's host is not a name or address.")
    if port and not _is_port(port, scheme):
        raise OriginRefusedError("The origin's port is not one that a browser writes.")
    if scheme == "http":
        if host not in {"localhost", "127.0.0.1", "[::1]"}:
            raise OriginRefusedError("The origin's scheme is http; only https may ask.")
        if not allow_localhost:
            raise OriginRefusedError(
                "The origin is http on this computer, which only the developer "
                "setting allow_localhost admits."
            )
    return origin


def _is_port(port: str, scheme: str) -> bool:
    digits = port[1:]
    return (
        port != _DEFAULT_PORT[scheme]
        and 1 <= len(digits) <= 5
        and not digits.startswith("0")
        and int(digits) <= 65535
    )


def _is_host(host: str) -> bool:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1])) == host[1:-1]
        except AddressValueError:
            return False
    labels = host.removesuffix(".").split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return False
    if labels[-1].isdigit():
        try:
            return str(IPv4Address(host)) == host
        except AddressValueError:
            return False
    return True
