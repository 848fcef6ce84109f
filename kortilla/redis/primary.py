# SPDX-License-Identifier: MIT
"""Which of several Redis servers takes what is written, and until when that is sure.

Sentinel and Redis Cluster replace a primary that they don't reach by a replica. The old
one may live on, cut off or frozen, and would still take logins that the new one never
hears of. So a primary counts only while a majority of those who would replace it has
just said that it is the one. Then its answers count too, and no later one.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, ResponseError

from kortilla.errors import StoreUnavailableError

#: A host and a port.
Address = tuple[str, int]

#: Seconds after which the servers are asked again, beside the commands.
_FRESH = 1.0
#: Seconds for which the word of a cluster's nodes is good.
_CLUSTER_LEASE = 2.0
#: Seconds that Sentinels have to wait for an answer of the primary, at least.
_SHORTEST = 2


@dataclass(frozen=True)
class View:
    """What one server says of the primary. A later ``epoch`` is the newer state.

    It will not help to replace the primary for ``lease`` seconds, nor one that it does
    not know of yet for ``whole`` seconds. ``needed`` servers have to say so.
    """

    address: Address
    epoch: int
    lease: float
    whole: float
    needed: int


class Primary(ABC):
    """Asks ``servers`` for the primary. ``seconds`` limit each question."""

    #: What the servers are called in messages.
    kind: str
    #: What to do when one refuses to answer.
    refused: str

    def __init__(self, servers: Sequence[Redis], seconds: float) -> None:
        self._servers = servers
        self._seconds = seconds
        self._address: Address | None = None
        self._asked = self._until = -1.0
        self._doubted = False
        self._asking: asyncio.Task[None] | None = None

    async def find(self) -> Address:
        """Return the primary's address. Raises ``StoreUnavailableError``."""
        now = time.monotonic()
        unsure = self._doubted or now >= self._until
        if unsure or now >= self._asked + _FRESH:
            asking = self._ask_once()
            if unsure:
                await asyncio.shield(asking)
        assert self._address is not None  # noqa: S101 - it was found
        return self._address

    def confirm(self, address: Address) -> None:
        """Raise ``StoreUnavailableError`` unless an answer from there counts."""
        if address != self._address or time.monotonic() >= self._until:
            self.doubt()
            raise StoreUnavailableError(
                "The Redis that answered may have been replaced as the primary."
            )

    def doubt(self) -> None:
        """Ask before the next command: one went wrong. Other answers still count."""
        self._doubted = True

    async def close(self) -> None:
        """Close the connections to the servers."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})
        for server in self._servers:
            await server.aclose()

    def _ask_once(self) -> asyncio.Task[None]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
            # It may be that nobody waits for it.
            self._asking.add_done_callback(lambda it: it.cancelled() or it.exception())
        return self._asking

    async def _ask(self) -> None:
        asked = time.monotonic()
        said = await asyncio.gather(
            *(self._limited(server) for server in self._servers), return_exceptions=True
        )
        views = [each for each in said if isinstance(each, View)]
        errors = [each for each in said if isinstance(each, BaseException)]
        if not views:
            known = [each for each in errors if isinstance(each, StoreUnavailableError)]
            raise [*known, *errors][0]
        address, lease = self._judge(views)
        self._address, self._asked, self._until = address, asked, asked + lease
        self._doubted = False

    def _judge(self, views: list[View]) -> tuple[Address, float]:
        """Return the primary, and how many seconds from the question on it is one."""
        needed = max(view.needed for view in views)
        if len(views) < needed:
            raise StoreUnavailableError(
                f"{len(views)} of the URL's {len(self._servers)} {self.kind}s answer. "
                f"Who is the primary is sure when {needed} say it: name all in the URL."
            )
        newest = max(views, key=lambda view: view.epoch)
        leases = [
            view.lease if view.address == newest.address else view.whole
            for view in views
        ]
        lease = sorted(leases, reverse=True)[needed - 1]
        if lease <= 0:
            raise StoreUnavailableError(
                f"The primary does not answer each {self.kind}: it may be replaced now."
            )
        return newest.address, lease

    async def _limited(self, server: Redis) -> View:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._view(server)
        except (AuthenticationError, ResponseError) as error:
            raise StoreUnavailableError(self.refused) from error
        except (LookupError, ValueError) as error:
            raise StoreUnavailableError(
                f"A {self.kind} answers something else than a {self.kind} does."
            ) from error

    @abstractmethod
    async def _view(self, server: Redis) -> View:
        """Ask one server."""


class SentinelPrimary(Primary):
    """The primary that Sentinels watch under a name.

    They replace one that ``down-after-milliseconds`` have passed without an answer of.
    So it can't have been replaced earlier than that after its last answer to as many
    of them as could prevent it.
    """

    kind = "Sentinel"
    refused = (
        "A Sentinel refuses to tell the primary: correct its name in the URL, or "
        "sentinel_username and sentinel_password."
    )

    def __init__(self, servers: Sequence[Redis], seconds: float, name: str) -> None:
        super().__init__(servers, seconds)
        self._name = name

    async def _view(self, server: Redis) -> View:
        execute: Any = server.execute_command  # has no types
        answer = await execute("SENTINEL", "MASTER", self._name)
        said = dict(zip(answer[::2], answer[1::2], strict=True))
        whole = int(said[b"down-after-milliseconds"]) / 1000
        if whole < _SHORTEST:
            raise StoreUnavailableError(
                f"The Sentinels' down-after-milliseconds is under {_SHORTEST * 1000}: "
                "they ask once a second, so who is the primary is never sure."
            )
        sentinels = int(said[b"num-other-sentinels"]) + 1
        # So many must agree on a new primary, and so many that the old one is down.
        blocking = sentinels - int(said[b"quorum"]) + 1
        return View(
            address=(said[b"ip"].decode(), int(said[b"port"])),
            epoch=int(said[b"config-epoch"]),
            lease=whole - int(said[b"last-ok-ping-reply"]) / 1000,
            whole=whole,
            needed=max(sentinels // 2 + 1, blocking),
        )


class ClusterPrimary(Primary):
    """The primary of a cluster that has the hash slot of a key."""

    kind = "node"
    refused = (
        "A node refuses to tell about a cluster: correct user and password in the URL, "
        "allow the command CLUSTER, or write redis:// if it is a single server."
    )

    def __init__(self, servers: Sequence[Redis], seconds: float, key: str) -> None:
        super().__init__(servers, seconds)
        self._slot = key_slot(key.encode())

    async def _view(self, server: Redis) -> View:
        execute: Any = server.execute_command  # has no types
        answer = await execute("CLUSTER", "NODES")
        for line in answer.decode().splitlines():
            _, place, flags, _, _, _, epoch, _, *slots = line.split(" ")
            if "master" in flags and any(map(self._has_slot, slots)):
                host, _, port = place.partition("@")[0].rpartition(":")
                own = server.connection_pool.connection_kwargs["host"]
                failing = {"fail", "fail?"} & {*flags.split(",")}
                lease = 0.0 if failing else _CLUSTER_LEASE
                return View(
                    address=(host or own, int(port)),
                    epoch=int(epoch),
                    lease=lease,
                    whole=_CLUSTER_LEASE,
                    needed=len(self._servers) // 2 + 1,
                )
        raise StoreUnavailableError("No node of the cluster has the keys' hash slot.")

    def _has_slot(self, part: str) -> bool:
        """Return whether a part such as ``0-5460`` or ``7`` has the slot."""
        first, _, last = part.partition("-")
        # Parts such as [93->-…] are of slots that move.
        return first.isdigit() and int(first) <= self._slot <= int(last or first)
