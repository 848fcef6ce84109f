# SPDX-License-Identifier: MIT
"""The HTTP proxy through which a server reaches the outside, if it has to use one."""

import base64
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

__all__ = ["Proxies"]


@dataclass(frozen=True)
class _Proxy:
    """A proxy, and what it has to be shown.

    They are apart: aiohttp's errors quote the address that they are given.
    """

    url: URL
    headers: Mapping[str, str] = field(repr=False)


class Proxies:
    """Says for each address which proxy is asked for it, if any.

    ``proxy`` is for every address: ``http://[name:password@]host[:port]``. With
    ``trust_env``, and unless it is given, those of the environment when this is made
    are: ``http_proxy``, ``https_proxy`` and ``no_proxy``, in small letters or capitals.
    A ``no_proxy`` lists names, with all below them, or ``*``; it knows no ranges of
    addresses. Raises ``ValueError``, which quotes nothing of a proxy's address.
    """

    def __init__(self, proxy: str | None = None, *, trust_env: bool = False) -> None:
        self._proxy = None if proxy is None else _parse(proxy)
        environment = {}
        if trust_env and proxy is None:
            environment = urllib.request.getproxies_environment()
        self._by_scheme = {
            scheme: _parse(environment[scheme])
            for scheme in ("http", "https")
            if environment.get(scheme)
        }
        self._direct = {"no": environment.get("no", "")}

    def options(self, url: URL, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return what aiohttp's ``request`` is given to send headers to an address.

        There is a ``proxy`` in it if one is asked.
        """
        proxy = self._of(url)
        if proxy is None:
            return {"headers": headers}
        if url.scheme == "https":  # CONNECT, and all the rest in the tunnel
            return {
                "headers": headers,
                "proxy": proxy.url,
                "proxy_headers": proxy.headers,
            }
        return {"headers": {**headers, **proxy.headers}, "proxy": proxy.url}

    def _of(self, url: URL) -> _Proxy | None:
        if self._proxy is not None or not self._by_scheme:
            return self._proxy
        host = f"{url.host_subcomponent}:{url.port}"
        # Of the standard library, whose types leave it out.
        bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]
        if bypass(host, self._direct):
            return None
        return self._by_scheme.get(url.scheme)


def _parse(proxy: str) -> _Proxy:
    try:
        url = URL(proxy if "://" in proxy else f"http://{proxy}")
        usable = url.scheme == "http" and url.host and url.port
    except ValueError:
        usable = False
    if not usable:
        # Not quoted, nor by an exception before it: there may be a password in it.
        raise ValueError("A proxy is given as http://host:port.")
    headers = {}
    if url.user is not None or url.password is not None:
        credentials = f"{url.user or ''}:{url.password or ''}".encode()
        headers["Proxy-Authorization"] = (
            f"Basic {base64.b64encode(credentials).decode()}"
        )
    return _Proxy(url.origin(), headers)
