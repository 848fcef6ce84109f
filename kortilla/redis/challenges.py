# SPDX-License-Identifier: MIT
"""Challenges in Redis."""

from collections.abc import Callable
from datetime import datetime, timedelta

from redis.asyncio import Redis

from kortilla.clock import utc_now
from kortilla.errors import ChallengeNonceNotFoundError
from kortilla.redis.connection import RUN_ID, asking, check_run, probe, text
from kortilla.web.challenge import ChallengeStore

#: How long an expired nonce is kept, to report it as expired.
_REMEMBERED = timedelta(minutes=5)

#: Stores the expiry of a nonce, and the run id.
_PUT = f"""{RUN_ID}
if run_id then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. run_id, 'PX', ARGV[2])
end
return run_id
"""
#: Removes a nonce and returns its value, with the current run id.
_TAKE = f"""
local found = redis.call('GETDEL', KEYS[1])
{RUN_ID}
return {{run_id, found}}
"""


class RedisChallengeStore(ChallengeStore):
    """Nonces in Redis. One GETDEL takes each, in the server run that stored it.

    A Redis without ``run_id`` in INFO is refused: a restored state would go unnoticed.
    The caller closes ``client``, which should not retry: a retry can only make a nonce
    fail that had worked. An operation takes at most ``seconds``. ``clock`` returns the
    time with its zone.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._prefix = f"{prefix}challenge:"
        self._seconds = seconds
        self._clock = clock

    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Store a nonce; Redis drops it some time after its expiry."""
        until = int(expires_at.timestamp() * 1000)
        lives = (expires_at - self._clock() + _REMEMBERED) // timedelta(milliseconds=1)
        async with asking(self._seconds):
            check_run(
                await self._client.eval(_PUT, 1, self._prefix + nonce, until, lives)
            )

    async def take(self, nonce: str) -> datetime:
        """Remove a nonce and return its expiry, in one atomic script."""
        async with asking(self._seconds):
            run, found = await self._client.eval(_TAKE, 1, self._prefix + nonce)
            check_run(run)
            if found is not None:
                until, _, given_out_at = text(found).partition(" ")
                expires_at = datetime.fromtimestamp(
                    int(until) / 1000, self._clock().tzinfo
                )
                if given_out_at == text(run):
                    return expires_at
        raise ChallengeNonceNotFoundError(
            "The challenge has been used already, is unknown, or is from before a "
            "restart of Redis."
        )

    async def check(self) -> None:
        """Raise ``StoreUnavailableError`` if no nonce could be stored now."""
        await probe(self._client, self._prefix, self._seconds)
