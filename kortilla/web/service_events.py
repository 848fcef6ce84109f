# SPDX-License-Identifier: MIT
"""The events of one service: made, logged, and handed to its hooks.

Each hook has a thread of its own. One that raises, is slow or hangs delays nobody and
decides nothing. Its events wait, in order, up to a bound; beyond that they are dropped,
which the log says.
"""

import asyncio
import inspect
import logging
import os
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from kortilla.errors import ConfigurationError, RelyingPartyError
from kortilla.events import (
    Action,
    ChallengeIssued,
    ClientAnswered,
    ClientChanged,
    Event,
    EventHook,
    LoggedIn,
    LoggedOut,
    Refused,
    RequestContext,
    SignatureMade,
    SignaturePrepared,
    SignatureRefused,
    Step,
    check_key,
    pseudonym,
)
from kortilla.validation.identity import Identity
from kortilla.web.http import Headers, RequestRefusedError

logger = logging.getLogger("kortilla.events")

T = TypeVar("T")

#: Events that wait for one hook.
_CAPACITY = 10_000
#: Seconds that a coroutine function may take for one event.
_ASYNC_SECONDS = 10.0
#: Seconds between two lines in the log about one hook.
_SILENCE = 60.0

_Item = tuple[Event, asyncio.AbstractEventLoop]


class ServiceEvents:
    """Makes events, writes a line to the log for each, and calls the hooks.

    The lines, at INFO, have no personal data. ``LoginRoutes`` reports what happens at
    the login's routes. The service reports its signatures with ``preparing`` and
    ``finishing``.
    """

    def __init__(
        self,
        hooks: Iterable[EventHook],
        *,
        key: bytes | None,
        client_addresses: bool,
        request_id_header: str | None,
        clock: Callable[[], datetime],
    ) -> None:
        if key is not None:
            check_key(key)
        self._key = key
        self._client_addresses = client_addresses
        self._request_id_header = request_id_header
        self._clock = clock
        self._threads: list[HookThread] = []
        for hook in hooks:
            self.add(hook)

    def add(self, hook: EventHook) -> None:
        """Call another hook from now on.

        Raises ``ConfigurationError`` if the service has no pseudonym key. A hook with
        an attribute ``needs_pseudonym`` that is False needs none.
        """
        if self._key is None and getattr(hook, "needs_pseudonym", True):
            raise ConfigurationError(
                "An event hook needs pseudonyms: give LoginService a pseudonym_key of "
                "at least 32 random bytes."
            )
        self._threads.append(HookThread(hook))

    async def close(self, seconds: float = 5) -> None:
        """Let the hooks see the events that wait, for at most ``seconds``."""
        await asyncio.gather(*(thread.close(seconds) for thread in self._threads))

    @property
    def dropped(self) -> int:
        """How many events some hook did not see: it was too slow, or it failed."""
        return sum(each.dropped + each.failed for each in self._threads)

    def context(self, headers: Headers, client: str | None) -> RequestContext:
        """Return the context of a request with these headers."""
        name = self._request_id_header
        return RequestContext.of([] if name is None else headers.all(name), client)

    # -- The login, as its routes report it -------------------------------------------

    def challenge_issued(self, context: RequestContext) -> None:
        """Report a challenge."""
        logger.info("A challenge was issued (request %s).", context.id)
        self._send(ChallengeIssued, context, None)

    def logged_in(
        self, context: RequestContext, identity: Identity, seconds: float
    ) -> None:
        """Report a login whose session is stored."""
        logger.info(
            "A person logged in with a card of %s, in %.0f ms (request %s).",
            identity.issuer,
            seconds * 1000,
            context.id,
        )
        ca = {"issuer": identity.issuer, "assurance": identity.assurance}
        self._send(LoggedIn, context, identity.satu, **ca, seconds=seconds)

    @contextmanager
    def reporting(
        self, headers: Headers, client: str | None, action: Action
    ) -> Iterator[tuple[RequestContext, float]]:
        """Report any exception in the block as the request's refusal.

        Yields its context, and when it began (``time.monotonic``).
        """
        context, since = self.context(headers, client), time.monotonic()
        try:
            yield context, since
        except BaseException as error:
            self.refused(context, action, error, since)
            raise

    def refused(
        self,
        context: RequestContext,
        action: Action,
        error: BaseException,
        since: float,
    ) -> None:
        """Report a refused request that began at ``since`` (``time.monotonic``)."""
        code, seconds = code_of(error), time.monotonic() - since
        logger.info(
            "A %s was refused: %s (request %s).", action, _described(error), context.id
        )
        self._send(Refused, context, None, action=action, code=code, seconds=seconds)

    def logged_out(
        self, context: RequestContext, satu: str, *, sessions: int = 1
    ) -> None:
        """Report the end of a person's sessions."""
        logger.info("A person's sessions ended: %d (request %s).", sessions, context.id)
        self._send(LoggedOut, context, satu, sessions=sessions)

    def client_answered(self, client_id: str, outcome: str, satu: str | None) -> None:
        """Report how a login for an OpenID Provider's client ended."""
        logger.info("A login for %s ended: %s.", client_id, outcome)
        told = {"client_id": client_id, "outcome": outcome}
        self._send(ClientAnswered, RequestContext(), satu, **told)

    def client_changed(self, client_id: str, change: str, keys: str) -> None:
        """Report what became of an OpenID Provider's client."""
        told = f" ({keys})" if keys else ""
        logger.info("The client %s was %s%s.", client_id, change, told)
        changed = {"client_id": client_id, "change": change, "keys": keys}
        self._send(ClientChanged, RequestContext(), None, **changed)

    # -- Signatures, as the service reports them --------------------------------------

    async def preparing(
        self, work: Awaitable[T], *, satu: str, context: RequestContext | None = None
    ) -> T:
        """Await a prepare function's call, and report its outcome.

        ``await service.events.preparing(prepare_pdf(…), satu=person.satu)``. ``satu``
        is the person's for whom it is prepared.
        """
        return await self._signing(work, "prepare", satu, context)

    async def finishing(
        self, work: Awaitable[T], *, satu: str, context: RequestContext | None = None
    ) -> T:
        """Await a finish function's or ``verify_signatures``'s call, and report it."""
        return await self._signing(work, "finish", satu, context)

    async def _signing(
        self, work: Awaitable[T], step: Step, satu: str, context: RequestContext | None
    ) -> T:
        context = context or RequestContext()
        since = time.monotonic()
        try:
            result = await work
        except BaseException as error:
            logger.info(
                "A signature was refused (%s): %s (request %s).",
                step,
                _described(error),
                context.id,
            )
            refused = {"step": step, "code": code_of(error)}
            seconds = time.monotonic() - since
            self._send(SignatureRefused, context, satu, **refused, seconds=seconds)
            raise
        prepared = step == "prepare"
        what = "prepared" if prepared else "made"
        logger.info("A signature was %s (request %s).", what, context.id)
        kind = SignaturePrepared if prepared else SignatureMade
        self._send(kind, context, satu, seconds=time.monotonic() - since)
        return result

    def _send(
        self,
        kind: Callable[..., Event],
        context: RequestContext,
        satu: str | None,
        **fields: object,
    ) -> None:
        key = self._key
        event = kind(
            time=self._clock().astimezone(UTC),
            request=context.id,
            client=context.client if self._client_addresses else None,
            person=None if key is None or satu is None else pseudonym(key, satu),
            **fields,
        )
        for thread in self._threads:
            try:
                thread.put(event)
            except Exception as error:  # no thread can be started
                thread.dropped += 1
                logger.error("An event may be lost: %s.", type(error).__name__)


def code_of(error: BaseException) -> str:
    """Return the code of an error for events."""
    match error:
        case RelyingPartyError() | RequestRefusedError():
            return error.code
        case asyncio.CancelledError():
            return "CANCELLED"
    return "INTERNAL_ERROR"


def _described(error: BaseException) -> str:
    """Return an error's code, with its message if that has no personal data."""
    code = code_of(error)
    return f"{code}, {error}" if isinstance(error, RelyingPartyError) else code


class HookThread:
    """One hook, its waiting events, and its thread, which starts with the first event.

    A process that forks has a thread of its own in each process.
    """

    def __init__(
        self,
        hook: EventHook,
        *,
        capacity: int = _CAPACITY,
        async_seconds: float = _ASYNC_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hook = hook
        self._name = getattr(hook, "__qualname__", type(hook).__qualname__)
        self._capacity = capacity
        self._async_seconds = async_seconds
        self._clock = clock
        self._process = 0
        self._said = -_SILENCE
        #: Events that were dropped, and calls that failed.
        self.dropped = self.failed = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: queue.Queue[_Item | None] = queue.Queue(self._capacity)
        self._thread: threading.Thread | None = None

    def put(self, event: Event) -> None:
        """Hand an event to the hook. Call it on the service's event loop."""
        if self._process != os.getpid():
            self._begin_anew()
        try:
            self._waiting.put_nowait((event, asyncio.get_running_loop()))
        except queue.Full:
            self.dropped += 1
            self._complain(f"is too slow; {self.dropped} events were dropped so far")
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                # A daemon: a hook that hangs must not keep the process.
                self._thread = threading.Thread(
                    target=self._run, name="kortilla-events", daemon=True
                )
                self._thread.start()

    async def close(self, seconds: float) -> None:
        """Let the hook see the events that wait, and end its thread."""
        thread = self._thread
        if thread is None or self._process != os.getpid():
            return
        until = self._clock() + seconds
        ending = False
        # At the end of a process there is no thread to wait in.
        while thread.is_alive() and self._clock() < until:
            if not ending:
                try:
                    self._waiting.put_nowait(None)
                    ending = True
                except queue.Full:
                    pass
            await asyncio.sleep(0.005)
        if thread.is_alive():
            self._complain("did not finish; some of the last events may be lost")

    def _run(self) -> None:
        while item := self._waiting.get():
            try:
                self._call(*item)
            except BaseException as error:
                # SystemExit too: the thread goes on. A message may have personal data.
                self.failed += 1
                self._complain(f"failed: {type(error).__name__}")

    def _call(self, event: Event, loop: asyncio.AbstractEventLoop) -> None:
        given = self._hook(event)
        if not inspect.isawaitable(given):
            return

        async def wait() -> None:
            async with asyncio.timeout(self._async_seconds):
                await given

        coroutine = wait()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise
        future.result(self._async_seconds + 1)

    def _complain(self, what: str) -> None:
        now = self._clock()
        if now >= self._said + _SILENCE:
            self._said = now
            logger.error("The event hook %s %s.", self._name, what)
