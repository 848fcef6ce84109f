# SPDX-License-Identifier: MIT
"""Clients are told that a session has ended (OpenID Connect Back-Channel Logout 1.0).

A session remembers the clients that it logged in. When it ends by a logout, or since
another person has logged in, each of them that has a ``backchannel_logout_uri`` gets a
logout token. Nobody waits for that.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from joserfc import jwt

from kortilla.errors import StoreUnavailableError
from kortilla.openid.clients.client import Client
from kortilla.openid.clients.keys import LIMITS, Fetchers
from kortilla.openid.login.browsers import BrowserSession
from kortilla.openid.protocol.signing_keys import KeyFile
from kortilla.openid.protocol.store import ProviderStore
from kortilla.revocation.interface import NoAnswerError

logger = logging.getLogger(__name__)

#: Seconds before each try.
_TRIES = (0.0, 1.0, 5.0)
#: Seconds that a logout token lives.
_TOKEN_SECONDS = 120
#: Logouts of which one client hears at once.
_AT_ONCE = 5
#: Logouts that wait for one client. The next ones are dropped.
_MOST_WAITING = 1000
#: Seconds for those that are still to be told when the process ends.
_AT_THE_END = 5.0
_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Logouts:
    """Tells clients of logouts. ``seconds`` is the life of a session; 0 has none.

    ``clock`` returns seconds since 1970.
    """

    def __init__(
        self,
        *,
        issuer: str,
        clients: Mapping[str, Client],
        keys: KeyFile,
        store: ProviderStore,
        fetchers: Fetchers,
        seconds: int,
        clock: Callable[[], float],
    ) -> None:
        self._issuer = issuer
        self._clients = clients
        self._keys = keys
        self._store = store
        self._fetchers = fetchers
        self._seconds = seconds
        self._clock = clock
        # By client: one that does not answer holds up no other.
        self._running: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONCE)
        )
        self._tasks: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)

    def sid(self, session: BrowserSession | None, client: Client) -> str:
        """Return what a client knows a session by; no other client knows it so."""
        if session is None:
            return ""
        return self._keys.read().pairwise(f"sid {client.settings.id}", session.sid)

    async def join(self, session: BrowserSession | None, client: Client) -> None:
        """Remember that a session has logged a person in at a client."""
        if session is not None and client.settings.backchannel_logout_uri:
            key = _member(session, client)
            await self._store.put("member", key, {}, seconds=self._seconds)

    async def renew(self, session: BrowserSession) -> None:
        """Remember the clients of a session as long as it lives after a new login."""
        for client in [*self._clients.values()]:
            if client.settings.backchannel_logout_uri:
                key = _member(session, client)
                await self._store.replace("member", key, {}, seconds=self._seconds)

    async def end(self, session: BrowserSession) -> None:
        """Begin to tell the clients of a session that it has ended."""
        for client in [*self._clients.values()]:
            if not client.settings.backchannel_logout_uri:
                continue
            try:
                if await self._store.take("member", _member(session, client)) is None:
                    continue
            except StoreUnavailableError as error:
                logger.warning("A logout is told to no client: %s", error)
                return
            name = client.settings.id
            tasks = self._tasks[name]
            if len(tasks) >= _MOST_WAITING:
                logger.warning(
                    "The client %s was not told of a logout: %d others wait for it.",
                    name,
                    len(tasks),
                )
                continue
            task = asyncio.create_task(self._tell(session, client))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def close(self) -> None:
        """Wait a short time for those that are being told."""
        if tasks := [each for own in self._tasks.values() for each in own]:
            _, late = await asyncio.wait(tasks, timeout=_AT_THE_END)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _tell(self, session: BrowserSession, client: Client) -> None:
        own, problem = client.settings, ""
        fetcher = self._fetchers[own.allow_private_addresses]
        for delay in _TRIES:
            await asyncio.sleep(delay)
            try:
                async with self._running[own.id]:
                    token = await self._keys.run(lambda: self._token(session, client))
                    body = urlencode({"logout_token": token})
                    await fetcher.post(
                        own.backchannel_logout_uri or "",
                        body.encode(),
                        headers=_FORM,
                        limits=LIMITS,
                        accepted=(200, 204),
                    )
            except NoAnswerError as error:
                problem = str(error)
            except Exception as error:  # the keys are in hardware, perhaps
                problem = f"{type(error).__name__}."
            else:
                logger.info("The client %s was told of a logout.", own.id)
                return
        logger.warning(
            "The client %s was not told of a logout. Its backchannel_logout_uri: %s",
            own.id,
            problem,
        )

    def _token(self, session: BrowserSession, client: Client) -> str:
        """Return a new logout token (§2.4)."""
        algorithm, now = client.settings.algorithm, int(self._clock())
        key = self._keys.read().current(algorithm)
        header = {"alg": algorithm, "kid": str(key.kid), "typ": "logout+jwt"}
        claims = {
            "iss": self._issuer,
            "aud": client.settings.id,
            "iat": now,
            "exp": now + _TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "events": {_EVENT: {}},
            "sub": session.login.subject_for(client.settings, self._keys),
            "sid": self.sid(session, client),
        }
        return jwt.encode(header, claims, key, algorithms=[algorithm])


def _member(session: BrowserSession, client: Client) -> str:
    return f"{session.sid} {client.settings.id}"
