# SPDX-License-Identifier: MIT
"""What the provider keeps between requests, by kind and key, as JSON.

Codes, pushed requests and the like are taken once, by one atomic operation.
"""

import json

from kortilla.common import JsonObject
from kortilla.store import MEGABYTE, Store, Table

Data = JsonObject

#: What anybody can have stored, and the bytes that each kind may take.
_BEGUN = ("login", "par")
_MOST_BYTES = 64 * MEGABYTE


def _table(kind: str, most_bytes: int) -> Table:
    begun = kind in _BEGUN
    return Table(
        f"openid:{kind}",
        once=begun or kind == "code",
        most_bytes=most_bytes if begun else None,
    )


class ProviderStore:
    """Entries of a store by kind and key. Each has a lifetime.

    Of the logins that anybody can begin, and of the requests that anybody can push, it
    keeps ``most_bytes`` each, and drops the oldest beyond that.
    """

    def __init__(self, store: Store, *, most_bytes: int = _MOST_BYTES) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self.check = store.check
        self.advice = store.advice
        self.close = store.close

    async def put(self, kind: str, key: str, data: Data, *, seconds: int) -> None:
        """Store an entry for so many seconds, in place of an earlier one."""
        await self._store.put(self._of(kind), key, _written(data), seconds=seconds)

    async def replace(self, kind: str, key: str, data: Data, *, seconds: int) -> bool:
        """Store an entry in place of one. Returns False if there is none."""
        return await self._store.put(
            self._of(kind), key, _written(data), seconds=seconds, when="there"
        )

    async def add(self, kind: str, key: str, *, seconds: int) -> bool:
        """Store that a key was seen. Returns False if it was there."""
        return await self._store.put(
            self._of(kind), key, b"{}", seconds=seconds, when="new"
        )

    async def get(self, kind: str, key: str) -> Data | None:
        """Return an entry, or None."""
        return _read(await self._store.get(self._of(kind), key))

    async def take(self, kind: str, key: str) -> Data | None:
        """Remove an entry and return it: exactly one of several callers gets it."""
        return _read(await self._store.take(self._of(kind), key))

    def _of(self, kind: str) -> Table:
        return _table(kind, self._most_bytes)


def _written(data: Data) -> bytes:
    # As UTF-8: an escape would make six bytes of a letter.
    return json.dumps(data, ensure_ascii=False).encode(errors="surrogatepass")


def _read(content: bytes | None) -> Data | None:
    if content is None:
        return None
    data: Data = json.loads(content)
    return data
