# SPDX-License-Identifier: MIT
"""The URL of a Redis, of Sentinels or of a cluster.

    redis://USER:PASSWORD@HOST:PORT/DB?OPTIONS, rediss:// with TLS, unix:///SOCKET
    redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME/DB?OPTIONS
    redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT?OPTIONS

``rediss+…`` has TLS, and ``valkey`` and ``valkeys`` stand for ``redis`` and ``rediss``.
The options are those of redis-py.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import RedisError

#: The ports of Sentinels, and of a cluster's nodes.
_PORTS = {"sentinel": 26379, "cluster": 6379}
_SCHEME = re.compile(r"(redis|rediss|valkey|valkeys)(?:\+(sentinel|cluster))?://(.*)")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_SCHEMES = (
    "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, "
    "redis+cluster://, rediss+cluster:// or one with valkey in place of redis"
)


@dataclass(frozen=True)
class RedisAddress:
    """A URL in parts. ``kind`` is empty for one server, or sentinel, or cluster.

    ``name`` is what Sentinels call the primary. ``options`` are redis-py's for a
    connection to Redis, and ``own`` those for one to a Sentinel.
    """

    kind: str
    connection_class: Any
    hosts: tuple[tuple[str, int], ...] = ()
    name: str = ""
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    own: dict[str, Any] = field(default_factory=dict, repr=False)


def parse_address(url: str) -> RedisAddress:
    """Return a URL's parts. Raises ``ValueError``, which does not quote the URL."""
    found = _SCHEME.fullmatch(url)
    if url.startswith("unix://"):
        return _address("", url)
    if found is None:
        raise ValueError(f"begins with none of {_SCHEMES}")
    scheme = found[1].replace("valkey", "redis")
    kind = found[2] or ""
    rest, question, query = found[3].partition("?")
    place, _, path = rest.partition("/")
    user, at, names = place.rpartition("@")
    if not kind:
        if "," in names:
            raise ValueError(
                "has several hosts: write redis+sentinel:// or redis+cluster://"
            )
        return _address("", f"{scheme}://{found[3]}")
    hosts = tuple(_host(each, _PORTS[kind]) for each in names.split(","))
    if len(set(hosts)) < len(hosts):
        raise ValueError("names a host twice")
    name, database = "", path
    if kind == "sentinel":
        name, _, database = path.partition("/")
        if not name:
            raise ValueError(
                "names no primary: redis+sentinel://HOST,HOST,HOST/NAME, as the "
                "Sentinels' configuration calls it"
            )
    if database and not re.fullmatch(r"[0-9]{1,4}", database):
        raise ValueError("ends with something that is no number of a database")
    if kind == "cluster" and int(database or 0):
        raise ValueError("names a database, and a cluster has only 0")
    first = names.split(",")[0]
    single = f"{scheme}://{user}{at}{first}/{database}{question}{query}"
    return _address(kind, single, hosts=hosts, name=name)


def _address(kind: str, url: str, **parts: Any) -> RedisAddress:
    try:
        options: dict[str, Any] = {**parse_url(url)}
    except ValueError:
        # Its text may quote the password: a "/" in it ends the host for urllib.
        raise ValueError(
            "has a part that can't be read: a port, an option, or a password without "
            "percent-encoding, in which / is written as %2F"
        ) from None
    connection_class = options.pop("connection_class", Connection)
    own = {
        option: options.pop(f"sentinel_{option}")
        for option in ("username", "password")
        if f"sentinel_{option}" in options
    }
    if own and kind != "sentinel":
        raise ValueError("has sentinel_username or sentinel_password, and no Sentinel")
    of_pool = ("max_connections", "timeout")
    try:
        connection_class(**{n: v for n, v in options.items() if n not in of_pool})
    except (TypeError, RedisError):
        raise ValueError(
            "has an option that redis-py does not know, or one of TLS without rediss"
        ) from None
    return RedisAddress(kind, connection_class, options=options, own=own, **parts)


def _host(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None or int(found[2] or port) not in range(1, 65536):
        raise ValueError("names a host that is none, or a port")
    return found[1].strip("[]"), int(found[2] or port)
