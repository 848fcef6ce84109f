# SPDX-License-Identifier: MIT
"""Clients of redis-py for a URL, and what their errors mean."""

import re
import socket
import ssl
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import (
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterCrossSlotError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kortilla.errors import ConfigurationError, StoreUnavailableError
from kortilla.store.address import RedisAddress, parse_address


class _Sentinels(SentinelConnectionPool):
    """Closes the connections to the Sentinels too."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:  # or only the idle ones to an earlier primary
            for each in self.sentinel_manager.sentinels:
                await each.aclose()


def _sharing_tls(base: Any) -> Any:
    """Return a class whose connections share what they know of TLS.

    redis-py has each read all CAs of the system, which takes 27 ms: fifty connections
    after a restart held up the event loop for longer than a command may take.
    """
    shared: list[Any] = []

    class Sharing(base):  # type: ignore[misc]
        ssl_context: Any

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            if not shared:
                shared.append(self.ssl_context)
            self.ssl_context = shared[0]

    return Sharing


def connect(url: str, *, seconds: float = 2) -> Redis | RedisCluster:
    """Return a client of the Redis of a URL, which connects at its first use.

    ``kortilla.store.address`` has the kinds of URLs. A command is sent again on a new
    connection if Redis has closed the old one, as a restart does: the answer may be
    lost, so that a nonce fails which had worked, but none works twice. Raises
    ``ConfigurationError``.
    """
    try:
        address = parse_address(url)
    except ValueError as error:
        raise ConfigurationError(f"The URL of Redis {error}.") from None
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    options: dict[str, Any] = {"retry": retry}
    options |= {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    if not issubclass(address.connection_class, UnixDomainSocketConnection):
        options["socket_keepalive"] = True  # it finds a server that is gone silently
    options |= address.options
    if address.kind == "sentinel":
        return _by_sentinels(address, options)
    secure = address.connection_class is SSLConnection
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        # A node that does not answer leaves time to ask who has its place.
        half = {"socket_timeout": seconds / 2, "socket_connect_timeout": seconds / 2}
        options |= {**half, **address.options}
        for name in ("host", "port", "db"):
            options.pop(name, None)
        options["retry"] = Retry(ExponentialBackoff(cap=0.5, base=0.05), 5)
        return RedisCluster(
            startup_nodes=nodes, ssl=secure, require_full_coverage=False, **options
        )
    kind = _sharing_tls(SSLConnection) if secure else address.connection_class
    return Redis.from_pool(ConnectionPool(connection_class=kind, **options))


def _by_sentinels(address: RedisAddress, options: dict[str, Any]) -> Redis:
    secure = address.connection_class is SSLConnection
    for name in ("host", "port"):
        options.pop(name, None)
    no_more = {"username", "password", "db"}
    own = {name: value for name, value in options.items() if name not in no_more}
    # Several are asked one after the other, in the time of one command.
    seconds = options["socket_timeout"] / (len(address.hosts) + 1)
    own |= {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    own |= {"ssl": secure, **address.own}
    new: Any = Sentinel  # has no types
    kind: Any = SentinelManagedConnection
    if secure:
        kind = _sharing_tls(SentinelManagedSSLConnection)
    client: Redis = new(address.hosts, sentinel_kwargs=own).master_for(
        address.name,
        connection_pool_class=_Sentinels,
        connection_class=kind,
        **options,
    )
    return client


def is_cut_off(error: BaseException) -> bool:
    """Return whether a primary reaches fewer replicas than ``min-replicas-to-write``.

    Another may be the primary already.
    """
    return str(error).startswith("NOREPLICAS")


def hash_tagged(prefix: str) -> str:
    """Return a prefix whose keys all have one hash slot of a cluster.

    ``kortilla:`` becomes ``{kortilla:}``; one with a hash tag stays as it is.
    """
    return prefix if re.match(r"[^{]*\{[^}]+\}", prefix) else f"{{{prefix}}}"


#: What is wrong by the kind of error, and what to do; the first that fits.
_PROBLEMS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (ssl.SSLCertVerificationError,),
        "The certificate of Redis is refused: %s. Name its CA in the URL, "
        "rediss://HOST?ssl_ca_certs=FILE.",
    ),
    (
        (ssl.SSLError,),
        "No TLS with Redis is possible: write redis:// in place of rediss://, or "
        "switch TLS on in Redis.",
    ),
    (
        (AuthenticationError,),
        "Redis refuses the user or the password: write both into the URL, "
        "rediss://USER:PASSWORD@HOST, without USER for the default one.",
    ),
    (
        (NoPermissionError,),
        "The user of Redis may not use a command: docs/operations.md lists those that "
        "it needs.",
    ),
    ((OutOfMemoryError,), "Redis is full: give it more maxmemory."),
    (
        (ReadOnlyError,),
        "Redis is a replica: name the primary in the URL, or the Sentinels.",
    ),
    (
        (ClusterDownError,),
        "The cluster is down: look at its nodes with redis-cli --cluster check.",
    ),
    (
        (AskError, ClusterCrossSlotError, MovedError),
        "Redis is a node of a cluster: write redis+cluster:// in place of redis://, "
        "with several nodes.",
    ),
    (
        (MasterNotFoundError,),
        "No Sentinel names the primary: look whether they run, and correct their "
        "addresses, password, CA, and its name in the URL.",
    ),
    (
        (RedisClusterException,),
        "No node of the cluster answers: correct addresses, password and CA in the "
        "URL, or write redis:// if it is a single server.",
    ),
    (
        (ConnectionResetError,),
        "Redis closed the connection: if it expects TLS, write rediss:// in place of "
        "redis://.",
    ),
    (
        (FileNotFoundError,),
        "The socket or the file that Redis's URL names is not there.",
    ),
    (
        (ConnectionRefusedError, socket.gaierror),
        "No Redis is at the address of the URL: start it, or correct the address.",
    ),
    (
        (TimeoutError, RedisTimeoutError),
        "Redis did not answer in time: look whether it runs, and whether it speaks TLS "
        "if the URL has rediss://.",
    ),
    (
        (ResponseError,),
        "Redis refuses a command: write redis:// if it is a single server, and "
        "redis+sentinel:// or redis+cluster:// only for those.",
    ),
)


def problem_of(error: BaseException) -> str:
    """Say what is wrong, and what to do. It quotes neither URL nor command."""
    if isinstance(error, StoreUnavailableError):
        return str(error)
    if is_cut_off(error):
        return (
            "Redis reaches too few replicas (min-replicas-to-write): it may be cut off."
        )
    cause: BaseException | None = error
    while cause is not None:
        for kinds, sentence in _PROBLEMS:
            if isinstance(cause, kinds):
                reason = getattr(cause, "verify_message", "")
                return sentence % reason if "%s" in sentence else sentence
        cause = cause.__cause__ or cause.__context__
    return f"Redis did not answer as it should: {type(error).__name__}."
