# SPDX-License-Identifier: MIT
"""Redis: connections that outlive its restarts, and commands that end in time."""

import asyncio
import logging
import re
import select
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import (
    AbstractConnection,
    RedisSSLContext,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.cluster import AbstractRedisCluster
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
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from kortilla.errors import ConfigurationError, StoreUnavailableError
from kortilla.redis.address import RedisAddress, parse_address
from kortilla.redis.primary import ClusterPrimary, Primary, SentinelPrimary

logger = logging.getLogger(__name__)


class _Pool(BlockingConnectionPool):
    """Hands out no connection that Redis has closed, nor one to an earlier primary.

    A command that was sent on one can't be repeated, since Redis may have executed it.
    So the pool looks before a command is sent. redis-py looks too late or not at all,
    depending on its version.
    """

    def __init__(self, *, primary: Primary | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.primary = primary

    async def ensure_connection(self, connection: Any) -> None:
        """Connect anew in place of a connection that is of no use any more."""
        if self.primary is None:
            if _has_ended(connection):
                await connection.disconnect(nowait=True)
            await super().ensure_connection(connection)
            return
        address = await self.primary.find()
        if (connection.host, connection.port) != address or _has_ended(connection):
            await connection.disconnect(nowait=True)
            connection.host, connection.port = address
        try:
            await super().ensure_connection(connection)
        except BaseException:
            self.primary.doubt()
            raise

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close all connections. Each version of redis-py closes a client by this."""
        await super().disconnect(inuse_connections)
        if self.primary is not None:
            await self.primary.close()


class _Client(Redis):
    """Takes no answer of a server that may have been replaced as the primary."""

    async def parse_response(
        self, connection: Any, command_name: str | bytes, **options: Any
    ) -> Any:
        """Read an answer. Raises ``StoreUnavailableError`` if it does not count."""
        pool: Any = self.connection_pool
        primary: Primary = pool.primary
        try:
            answer = await super().parse_response(connection, command_name, **options)
        except _DOUBTS:
            primary.doubt()
            raise
        primary.confirm((connection.host, connection.port))
        return answer


#: What may mean that another server is the primary now.
_DOUBTS = (
    asyncio.CancelledError,
    ClusterDownError,
    MovedError,
    ReadOnlyError,
    RedisConnectionError,
    RedisTimeoutError,
)


def _sharing_tls() -> type[SSLConnection]:
    """Return a class whose connections share what they know of TLS.

    redis-py has each read all CAs of the system, which takes 27 ms: fifty connections
    after a restart held up the event loop for longer than a command may take.
    """
    shared: list[RedisSSLContext] = []

    class Sharing(SSLConnection):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            if not shared:
                shared.append(self.ssl_context)
            self.ssl_context = shared[0]

    return Sharing


def _has_ended(connection: AbstractConnection) -> bool:
    reader, writer = connection._reader, connection._writer
    if reader is None or writer is None:
        return False
    if writer.is_closing() or reader.at_eof():
        return True
    if sys.platform == "win32":  # whose event loop always reads
        return False
    # Nobody waits for an answer, so what can be read is the end, or is not for us. The
    # event loop may not have looked yet.
    poller = select.poll()
    poller.register(writer.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poller.poll(0))


def connect(
    url: str, *, prefix: str = "kortilla:", seconds: float = 2, connections: int = 50
) -> Redis:
    """Return a client of the Redis of a URL, which connects at its first use.

    ``kortilla.redis.address`` has the kinds of URLs. ``prefix`` is the stores', which
    decides about a cluster's node. At most ``connections`` are open at once. It retries
    nothing: a command that was lost may have been executed. Raises
    ``ConfigurationError``.
    """
    try:
        address = parse_address(url)
    except ValueError as error:
        raise ConfigurationError(f"The URL of Redis {error}.") from None
    options: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
    options |= {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    if not issubclass(address.connection_class, UnixDomainSocketConnection):
        options["socket_keepalive"] = True  # it finds a server that is gone silently
    options |= {"max_connections": connections, "timeout": seconds, **address.options}
    secure = address.connection_class is SSLConnection
    options["connection_class"] = _sharing_tls() if secure else address.connection_class
    if not address.kind:
        return Redis.from_pool(_Pool(**options))
    primary = _primary(address, options, seconds / 4, prefix)
    return _Client.from_pool(_Pool(primary=primary, **options))


def _primary(
    address: RedisAddress, options: dict[str, Any], seconds: float, prefix: str
) -> Primary:
    """Return what finds the primary of a URL with several hosts."""
    sentinel = address.kind == "sentinel"
    no_more = {"username", "password", "db"} if sentinel else set()
    own = {name: value for name, value in options.items() if name not in no_more}
    own |= {**address.own, "protocol": 2, "decode_responses": False}
    own["max_connections"] = 2
    servers = [
        Redis.from_pool(BlockingConnectionPool(**{**own, "host": host, "port": port}))
        for host, port in address.hosts
    ]
    if sentinel:
        return SentinelPrimary(servers, seconds, address.name)
    return ClusterPrimary(servers, seconds, hash_tagged(prefix))


def hash_tagged(prefix: str) -> str:
    """Return a prefix whose keys all have one hash slot of a cluster.

    ``kortilla:`` becomes ``{kortilla:}``; one with a hash tag stays as it is.
    """
    return prefix if re.match(r"[^{]*\{[^}]+\}", prefix) else f"{{{prefix}}}"


def prefix_for(client: Any, prefix: str) -> str:
    """Return the beginning of a client's keys, with a hash tag in a cluster."""
    return hash_tagged(prefix) if _is_clustered(client) else prefix


def _is_clustered(client: Any) -> bool:
    pool = getattr(client, "connection_pool", None)
    by_url = isinstance(getattr(pool, "primary", None), ClusterPrimary)
    return by_url or isinstance(client, AbstractRedisCluster)


#: Reads which run of Redis executes the script: nil if INFO is forbidden. A primary has
#: a new replication id from each start, and from each promotion.
RUN = """
local info = redis.pcall('INFO', 'replication')
local run = type(info) == 'string' and string.match(info, 'master_replid:(%x+)')
"""
#: Writes, and names the run: a Redis that is full or read-only fails. Says whether it
#: is a node of a cluster.
_PROBE = f"""{RUN}
redis.call('SET', KEYS[1], '1', 'PX', 1000)
local cluster = redis.pcall('INFO', 'cluster')
local is_node = type(cluster) == 'string' and string.find(cluster, 'cluster_enabled:1')
return {{run or '', is_node and 1 or 0}}
"""
_CLUSTER = (
    "Redis is a node of a cluster: write redis+cluster:// in place of redis://, with "
    "several nodes. If it is there, keys move to another node, and that passes."
)


#: When each client began to fail.
_failing_since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


@asynccontextmanager
async def asking(client: Any, seconds: float) -> AsyncIterator[None]:
    """Limit a command's time. Its errors become ``StoreUnavailableError``.

    The log says when a client begins to fail, and after how long it works again.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except StoreUnavailableError as error:
        _log_failure(client, str(error))
        raise
    except (RedisError, RedisClusterException, OSError, ValueError) as error:
        problem = _problem(error)
        _log_failure(client, problem)
        raise StoreUnavailableError(problem) from error
    since = _failing_since.pop(client, None)
    if since is not None:
        took = time.monotonic() - since
        logger.warning("Redis works again, after %.1f seconds.", took)


def _log_failure(client: Any, problem: str) -> None:
    if client not in _failing_since:
        _failing_since[client] = time.monotonic()
        logger.error("Redis does not work, and logins are refused: %s", problem)


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
    ((AskError, ClusterCrossSlotError), _CLUSTER),
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
)


def _problem(error: BaseException) -> str:
    """Say what is wrong, and what to do. It quotes neither URL nor command."""
    cause: BaseException | None = error
    while cause is not None:
        for kinds, sentence in _PROBLEMS:
            if isinstance(cause, kinds):
                reason = getattr(cause, "verify_message", "")
                return sentence % reason if "%s" in sentence else sentence
        cause = cause.__cause__ or cause.__context__
    return f"Redis did not answer as it should: {type(error).__name__}."


async def probe(client: Any, prefix: str, seconds: float) -> None:
    """Raise ``StoreUnavailableError`` unless Redis takes what the stores write."""
    async with asking(client, seconds):
        run, is_node = await client.eval(_PROBE, 1, f"{prefix}health")
    check_run(run)
    if is_node and not _is_clustered(client):
        raise StoreUnavailableError(_CLUSTER)


async def advice(client: Any, prefix: str, seconds: float) -> str:
    """Return a sentence about replicas that lose logins or refuse them, or nothing."""
    async with asking(client, seconds):
        read = "return redis.call('INFO', 'replication')"
        said = text(await client.eval(read, 1, f"{prefix}health"))
    count = int(said.partition("connected_slaves:")[2].split("\r")[0] or 0)
    waits = "min_slaves_good_slaves:" in said  # it is there if the setting is
    if count == 1 and waits:
        return (
            "Redis has one replica and min-replicas-to-write: after a failover it "
            "refuses logins."
        )
    if count > 1 and not waits:
        return (
            f"Redis has {count} replicas: with min-replicas-to-write 1, a primary that "
            "is cut off loses no login."
        )
    return ""


def check_run(run: bytes | str | None) -> None:
    """Raise ``StoreUnavailableError`` if Redis does not name its run."""
    if not run:
        raise StoreUnavailableError(
            "Redis does not say which run of it answers: allow the command INFO, which "
            "has to have master_replid."
        )


def text(value: bytes | str) -> str:
    """Return an answer of a client that decodes, or does not, as text."""
    return value if isinstance(value, str) else value.decode()
