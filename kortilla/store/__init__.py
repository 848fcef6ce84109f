# SPDX-License-Identifier: MIT
"""One store of values by key, each for a time; some are taken once.

Challenges, sessions, prepared signatures and what the OpenID Provider keeps are tables
of it. ``MemoryStore`` is for a service of one process, and ``RedisStore`` (with
``kortilla[redis]``) for several.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

__all__ = ["MEGABYTE", "Store", "Table", "When", "digest"]

MEGABYTE = 1024 * 1024

#: Whether to store a value where there is none, or in place of one only.
When = Literal["always", "new", "there"]


@dataclass(frozen=True)
class Table:
    """A kind of values.

    Those of a ``once`` table work only in the run of Redis that stored them, since a
    snapshot or a replica may have one after it was taken. A group of values has at most
    ``most``, and ``most_bytes``: the oldest go first. In a table with a bound, values
    without a group are one group.
    """

    name: str
    once: bool = False
    most: int | None = None
    most_bytes: int | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether a group has a bound."""
        return self.most is not None or self.most_bytes is not None


class Store(ABC):
    """Keeps values by table and key.

    A store that can't be reached, or is full, raises ``StoreUnavailableError``. Keys
    and groups are any texts; what is stored of them is a digest, so that a copy of the
    store opens nothing.
    """

    #: Whether only this process can use it.
    in_memory = False

    @abstractmethod
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
        """Store a value for so many seconds, and return whether it was stored.

        ``get`` may prolong it, until ``at_most`` seconds from now. One in place of
        another (``there``) stays in its group, and keeps its lifetime if ``seconds`` is
        None.
        """

    @abstractmethod
    async def get(
        self, table: Table, key: str, *, seconds: float | None = None
    ) -> bytes | None:
        """Return a value, or None. With ``seconds`` it is kept so long from now."""

    @abstractmethod
    async def take(self, table: Table, key: str) -> bytes | None:
        """Remove a value and return it: exactly one of several callers gets it."""

    @abstractmethod
    async def end(self, table: Table, group: str) -> int:
        """Remove all values of a group, and return how many there were."""

    async def check(self) -> None:  # noqa: B027 - memory is always there
        """Raise ``StoreUnavailableError`` if nothing could be stored now."""

    async def advice(self) -> str:
        """Return a sentence about what could be better, or nothing."""
        return ""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


def digest(text: str) -> str:
    """Hash a text. A page may send any as a key, also half a character."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
