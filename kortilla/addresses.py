# SPDX-License-Identifier: MIT
"""IPv4 addresses that are embedded in IPv6 addresses."""

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052 §2.1


def embedded_ipv4(address: IPAddress) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address embeds, or None.

    IPv4-mapped (``::ffff:0:0/96``), 6to4 and NAT64 addresses embed one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
