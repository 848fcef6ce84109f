# SPDX-License-Identifier: MIT
"""Values in Redis, for several processes and servers.

A value stands behind a line with the run of Redis that stored it, the time at which it
ends, and its group. Each operation is one script, so that nothing comes between.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.client import NEVER_DECODE
from redis.cluster import AbstractRedisCluster
from redis.exceptions import RedisClusterException, RedisError

from kortilla.errors import StoreUnavailableError
from kortilla.store import Store, Table, When, digest
from kortilla.store.connection import hash_tagged, is_cut_off, problem_of

__all__ = ["Client", "RedisStore"]

logger = logging.getLogger(__name__)

#: A client of a Redis, or of a cluster.
Client = Redis | RedisCluster

#: Bytes of a value beside its content: its name three times, and what it gains later.
_AROUND = 1250

#: Begins each script. KEYS[1] is the value, ARGV[1] whether it is taken once, ARGV[2]
#: the time in microseconds, and ARGV[3] the beginning of the groups' names. INFO has
#: the run of Redis: a primary has a new replication id from each start and promotion.
_BEGIN = """
local run, now = '', tonumber(ARGV[2])
if ARGV[1] == '1' then
  local info = redis.pcall('INFO', 'replication')
  run = type(info) == 'string' and string.match(info, 'master_replid:(%x+)')
  if not run then return {false} end
end
local function read()
  local content = redis.call('GET', KEYS[1]) or ''
  local by, ends, group, value = string.match(content, '^(%x*) (%d+) (%x*)\\n(.*)$')
  local is_valid = by == run and tonumber(ends) > now
  return is_valid and value, ends, group or ''
end
local function forget(index, key)
  redis.call('ZREM', index, key)
  local size = redis.call('HGET', index .. ':bytes', key)
  if size then
    redis.call('HDEL', index .. ':bytes', key)
    redis.call('HINCRBY', index .. ':bytes', 'sum', -size)
  end
end
"""
#: ARGV: when, value, milliseconds, end, group, their milliseconds, most, bytes, size.
#: The first command is one that a full Redis refuses, since it refuses no later one;
#: and a failure in between leaves no value that its group does not know.
_PUT = """
local when, value, lasts, ends, group = unpack(ARGV, 4, 8)
local kept, most, most_bytes, size = unpack(ARGV, 9, 12)
local old, its_end, its_group = read()
if when == 'new' and old or when == 'there' and not old then return {run, 0} end
if when == 'there' then  -- its place in a group stays, and its size there
  group = its_group
  if lasts == '' then ends = its_end end
elseif group ~= '' then
  local index = KEYS[2]
  redis.call('ZADD', index, ends, KEYS[1])
  if most_bytes ~= '' then
    local had = redis.call('HGET', index .. ':bytes', KEYS[1]) or 0
    redis.call('HSET', index .. ':bytes', KEYS[1], size)
    redis.call('HINCRBY', index .. ':bytes', 'sum', size - had)
  end
  local old = redis.call('ZRANGEBYSCORE', index, '-inf', ARGV[2], 'LIMIT', 0, 100)
  for _, key in ipairs(old) do forget(index, key) end
  local function is_over()
    return most ~= '' and redis.call('ZCARD', index) > tonumber(most)
      or most_bytes ~= ''
      and tonumber(redis.call('HGET', index .. ':bytes', 'sum')) > tonumber(most_bytes)
  end
  while is_over() do
    local oldest = redis.call('ZRANGE', index, 0, 0)[1]
    redis.call('DEL', oldest)
    forget(index, oldest)
  end
  if redis.call('PTTL', index) < tonumber(kept) then
    redis.call('PEXPIRE', index, kept)
    redis.call('PEXPIRE', index .. ':bytes', kept)
  end
end
local content = run .. ' ' .. ends .. ' ' .. group .. '\\n' .. value
if lasts == '' then
  redis.call('SET', KEYS[1], content, 'KEEPTTL')
else
  redis.call('SET', KEYS[1], content, 'PX', lasts)
end
return {run, 1}
"""
#: ARGV: milliseconds to keep it, if any.
_GET = """
local value, ends = read()
if value and ARGV[4] ~= '' then
  local left = math.floor((ends - now) / 1000)
  redis.call('PEXPIRE', KEYS[1], math.min(ARGV[4], left))
end
return {run, value or false}
"""
_TAKE = """
local value, _, group = read()
redis.call('DEL', KEYS[1])
if group ~= '' then forget(ARGV[3] .. group, KEYS[1]) end
return {run, value or false}
"""
#: KEYS[1] is the group.
_END = """
local ended = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  ended = ended + redis.call('DEL', key)
end
redis.call('DEL', KEYS[1], KEYS[1] .. ':bytes')
return ended
"""
#: Writes, and names the run: a Redis that is full or read-only fails. Says whether it
#: is a node of a cluster.
_PROBE = """
redis.call('SET', KEYS[1], '1', 'PX', 1000)
local cluster = redis.pcall('INFO', 'cluster')
local is_node = type(cluster) == 'string' and string.find(cluster, 'cluster_enabled:1')
return {run, is_node and 1 or 0}
"""
_NO_RUN = (
    "Redis does not say which run of it answers: allow the command INFO, which has to "
    "have master_replid."
)


class RedisStore(Store):
    """Values in Redis, below a prefix of their names.

    ``client`` is one of redis-py; ``close`` closes it. In a cluster the names have one
    hash slot: scripts need it. At most ``connections`` are used at once. An operation
    takes ``seconds`` at most. ``clock`` returns seconds since 1970.
    """

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        connections: int = 50,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client: Any = client  # its types are incomplete
        self._is_cluster = isinstance(client, AbstractRedisCluster)
        self._prefix = hash_tagged(prefix) if self._is_cluster else prefix
        self._seconds = seconds
        self._clock = clock
        self._turns = asyncio.Semaphore(connections)
        self._failing_since: float | None = None

    async def put(
        self,
        table: Table,
        key: str,
        value: bytes,
        *,
        seconds: float | None,
        at_most: float | None = None,
        group: str = "",
        when: When = "always",
    ) -> bool:
        named = digest(group) if group or table.is_bounded else ""
        kept = (seconds or 0) if at_most is None else at_most
        keys = [self._name(table, key), f"{self._groups(table)}{named}"]
        stored = await self._run(
            _PUT,
            table,
            keys if named else keys[:1],
            *(when, value, "" if seconds is None else _milliseconds(seconds)),
            *(int((self._clock() + kept) * 1_000_000), named, _milliseconds(kept)),
            "" if table.most is None else table.most,
            "" if table.most_bytes is None else table.most_bytes,
            len(value) + _AROUND,
        )
        return bool(stored)

    async def get(
        self, table: Table, key: str, *, seconds: float | None = None
    ) -> bytes | None:
        lasts = "" if seconds is None else _milliseconds(seconds)
        found: bytes | None
        found = await self._run(_GET, table, [self._name(table, key)], lasts)
        return found

    async def take(self, table: Table, key: str) -> bytes | None:
        found: bytes | None
        found = await self._run(_TAKE, table, [self._name(table, key)])
        return found

    async def end(self, table: Table, group: str) -> int:
        async with self._asking():
            name = f"{self._groups(table)}{digest(group)}"
            return int(await self._client.eval(_END, 1, name))

    async def check(self) -> None:
        """Raise ``StoreUnavailableError`` unless Redis takes what is written."""
        probe = Table("health", once=True)
        is_node = await self._run(_PROBE, probe, [f"{self._prefix}health"])
        if is_node and not self._is_cluster:
            raise StoreUnavailableError(
                "Redis is a node of a cluster: write redis+cluster:// in place of "
                "redis://, with several nodes."
            )

    async def advice(self) -> str:
        """Return a sentence about replicas that lose logins or refuse them."""
        async with self._asking():
            read = "return redis.call('INFO', 'replication')"
            said = await self._client.eval(read, 1, f"{self._prefix}health")
            said = said if isinstance(said, str) else said.decode()
        count = int(said.partition("connected_slaves:")[2].split("\r")[0] or 0)
        waits = "min_slaves_good_slaves:" in said  # it is there if the setting is
        if count == 1 and waits:
            return (
                "Redis has one replica and min-replicas-to-write: after a failover it "
                "refuses logins."
            )
        if count > 1 and not waits:
            return (
                f"Redis has {count} replicas: with min-replicas-to-write 1, a primary "
                "that is cut off takes no login that is lost."
            )
        return ""

    async def close(self) -> None:
        await self._client.aclose()

    async def _run(
        self, script: str, table: Table, keys: list[str], *arguments: Any
    ) -> Any:
        """Run a script, and return what it found."""
        now = int(self._clock() * 1_000_000)
        own = ("1" if table.once else "", now, self._groups(table), *arguments)
        async with self._asking():
            words = "EVAL", _BEGIN + script, len(keys), *keys, *own
            # A client that decodes would fail at the bytes of a PDF.
            run, *found = await self._client.execute_command(
                *words, **{NEVER_DECODE: True}
            )
            if run is None:
                raise StoreUnavailableError(_NO_RUN)
        return found[0]

    def _name(self, table: Table, key: str) -> str:
        return f"{self._prefix}{table.name}:{digest(key)}"

    def _groups(self, table: Table) -> str:
        return f"{self._prefix}{table.name}:group:"

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Limit a command's time. Its errors become ``StoreUnavailableError``.

        The log says when Redis begins to fail, and after how long it works again.
        """
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                yield
        except (
            *(StoreUnavailableError, RedisError, RedisClusterException),
            *(OSError, ValueError),
        ) as error:
            problem = problem_of(error)
            if self._failing_since is None:
                self._failing_since = time.monotonic()
                logger.error("Redis does not work, and logins are refused: %s", problem)
            if is_cut_off(error) and not self._is_cluster:
                # The next connection asks the Sentinels.
                await self._client.connection_pool.disconnect(inuse_connections=False)
            raise StoreUnavailableError(problem) from error
        if self._failing_since is not None:
            took = time.monotonic() - self._failing_since
            self._failing_since = None
            logger.warning("Redis works again, after %.1f seconds.", took)


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
