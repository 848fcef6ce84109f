# SPDX-License-Identifier: MIT
"""The HTTP proxy for a server's outgoing requests."""

import base64
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from yarl import URL


@dataclass(frozen=True)
class _Proxy:
    """A proxy's URL and the headers with its password.

    The password is not in the URL, which aiohttp quotes in its errors.
    """

    url: URL
    headers: Mapping[str, str] = field(repr=False)


class RequestOptions(TypedDict):
    """Arguments of aiohttp's ``request``."""

    headers: Mapping[str, str]
    proxy: NotRequired[URL]
    proxy_headers: NotRequired[Mapping[str, str]]


class Proxies:
    """Chooses the proxy for each URL.

    ``proxy`` is used for all URLs: ``http://[name:password@]host[:port]``. Without it
    and with ``trust_env``, the environment's ``http_proxy``, ``https_proxy`` and
    ``no_proxy`` are read once, in lower or upper case. ``no_proxy`` lists host names,
    which include their subdomains, or ``*``; address ranges are not supported. Raises
    ``ValueError``, which quotes no part of a proxy's URL.
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

    def options(self, url: URL, headers: Mapping[str, str]) -> RequestOptions:
        """Return the arguments of aiohttp's ``request`` for a URL and headers.

        They include ``proxy`` if one is used.
        """
        proxy = self._of(url)
        if proxy is None:
            return {"headers": headers}
        if url.scheme == "https":  # CONNECT; the request goes through the tunnel
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
        # The standard library has it; its type stubs leave it out.
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
        # Neither it nor a chained exception is quoted: it may hold a password.
        raise ValueError("A proxy is given as http://host:port.")
    headers = {}
    if url.user is not None or url.password is not None:
        credentials = f"{url.user or ''}:{url.password or ''}".encode()
        headers["Proxy-Authorization"] = (
            f"Basic {base64.b64encode(credentials).decode()}"
        )
    return _Proxy(url.origin(), headers)
