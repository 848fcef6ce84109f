# SPDX-License-Identifier: MIT
"""Makes a provider of its configuration."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kortilla.audit import AuditLog
from kortilla.common.imports import missing_words
from kortilla.errors import (
    ConfigurationError,
    StoreUnavailableError,
    TrustConfigurationError,
)
from kortilla.events import EventHook
from kortilla.openid.clients.registry import Registry
from kortilla.openid.clients.settings import RedisSettings, RevocationSettings, Settings
from kortilla.openid.login.backchannel import Logouts
from kortilla.openid.login.browsers import Browsers
from kortilla.openid.login.login_page import LoginPage
from kortilla.openid.login.pages import Pages
from kortilla.openid.protocol.protocol import Protocol
from kortilla.openid.protocol.signing_keys import KeyFile
from kortilla.openid.protocol.store import ProviderStore
from kortilla.openid.provider import Provider
from kortilla.revocation import Revocation, RevocationChecker
from kortilla.revocation.fetch import Fetcher
from kortilla.store import Store
from kortilla.store.memory import MemoryStore
from kortilla.validation.trust import Trust
from kortilla.validation.trust_folder import TrustFolder
from kortilla.web.challenge import ChallengeStore
from kortilla.web.login import LoginService
from kortilla.web.rate_limit import FixedWindowLimit

if TYPE_CHECKING:
    from kortilla.openid.login.simulator import Simulator

logger = logging.getLogger(__name__)


def create_provider(
    settings: Settings,
    *,
    simulator: bool = False,
    keys: KeyFile | None = None,
    on_event: Iterable[EventHook] = (),
    redis: Any = None,
    clock: Callable[[], float] = time.time,
) -> Provider:
    """Make the provider of a configuration, and check all that it names.

    With ``simulator``, people choose test persons in place of cards. ``keys`` are the
    configuration's by default; several providers in one process may share them, since
    reading RSA keys is slow. ``on_event`` are hooks beside the audit log of the
    configuration. ``redis`` is a client of redis-py in place of one for ``redis.url``,
    and is closed with the provider. ``clock`` returns seconds since 1970. Raises
    ``ConfigurationError``.
    """
    keys = keys or key_file(settings)
    try:
        keys.check_signing()
    except StoreUnavailableError as error:
        raise ConfigurationError(f"pkcs11: {error}.") from None
    if simulator and not settings.trust.test:
        raise ConfigurationError(
            "trust.test: the simulator needs true, and refuses production trust."
        )
    fetchers = {each: Fetcher(allow_private_addresses=each) for each in (False, True)}
    clients = Registry(settings, fetchers, clock)
    try:
        protocol = Protocol(settings, keys, clients, clock, simulator=simulator)
    except ValueError as error:
        raise ConfigurationError(f"issuer: {error}.") from None
    kept = _store(settings, clock, redis, simulator=simulator)
    store = ProviderStore(kept)
    played = None
    if simulator:
        from kortilla.openid.login.simulator import (  # noqa: PLC0415 - real cards need none
            Simulator,
        )

        played = Simulator()
    closing = AsyncExitStack()
    service = _service(
        settings,
        played,
        ChallengeStore(kept),
        keys,
        closing,
        on_event=on_event,
        clock=clock,
    )
    for fetcher in fetchers.values():
        closing.push_async_callback(fetcher.close)
    closing.push_async_callback(service.close)
    closing.push_async_callback(store.close)
    closing.push_async_callback(keys.close)
    logouts = Logouts(
        issuer=settings.issuer,
        clients=clients,
        keys=keys,
        store=store,
        fetchers=fetchers,
        seconds=settings.sso_minutes * 60,
        clock=clock,
    )
    closing.push_async_callback(logouts.close)
    browsers = Browsers(
        store, settings.origin, session_seconds=settings.sso_minutes * 60
    )
    if settings.trust.test:
        logger.warning("trust.test is set: test cards log people in.")
    login_page = LoginPage(
        protocol=protocol,
        store=store,
        browsers=browsers,
        logouts=logouts,
        service=service,
        pages=Pages(settings, played),
        simulator=played,
        behind_proxy=settings.server.behind_proxy,
    )
    return Provider(login_page, clients, closing=closing)


def key_file(settings: Settings) -> KeyFile:
    """Return the file of keys, with the token that has them if one is configured."""
    path, chosen = settings.path(settings.keys_file), settings.pkcs11
    if chosen is None:
        return KeyFile(path)
    try:
        from kortilla.openid.protocol.hardware import Token  # noqa: PLC0415 - pkcs11 is an extra
    except ModuleNotFoundError:
        raise ConfigurationError(missing_words("pkcs11", "hsm")) from None
    pin_file = None if chosen.pin_file is None else settings.path(chosen.pin_file)
    return KeyFile(path, Token(chosen.module, chosen.token, pin_file))


def _store(
    settings: Settings, clock: Callable[[], float], client: Any, *, simulator: bool
) -> Store:
    if settings.redis is None and client is None:
        return MemoryStore(clock=clock)
    try:
        from kortilla.store.connection import connect  # noqa: PLC0415 - redis is an extra
        from kortilla.store.redis import RedisStore  # noqa: PLC0415 - likewise
    except ModuleNotFoundError:
        raise ConfigurationError(missing_words("redis", "redis")) from None
    # A login counts at its issuer and under its trust alone: a test card's session is
    # worth nothing at another provider in the same Redis, nor after going live.
    kind = f"{settings.issuer}|{simulator}|{settings.trust.test}"
    digest = hashlib.sha256(kind.encode()).hexdigest()[:16]
    chosen = settings.redis or RedisSettings(url="redis://")
    prefix = f"{chosen.prefix}{digest}:"
    return RedisStore(client or connect(chosen.url), prefix=prefix, clock=clock)


def _service(
    settings: Settings,
    simulator: "Simulator | None",
    challenges: ChallengeStore,
    keys: KeyFile,
    closing: AsyncExitStack,
    *,
    on_event: Iterable[EventHook],
    clock: Callable[[], float],
) -> LoginService:
    trust: Trust | TrustFolder
    checker: RevocationChecker | None = None
    hooks = [*on_event]
    if settings.audit_log is not None:
        log = AuditLog(settings.path(settings.audit_log))
        hooks.append(log)
        closing.callback(log.close)
    if simulator is not None:
        trust, checker = simulator.trust, simulator
        closing.push_async_callback(simulator.close)
    else:
        trust = _trust(settings)
        closing.callback(trust.close)
        if settings.revocation is not None or not settings.trust.test:
            checker = revocation = _revocation(settings)
            closing.push_async_callback(revocation.close)
    return LoginService(
        origin=settings.origin,
        trust=trust,
        revocation=checker,
        challenges=challenges,
        on_event=hooks,
        pseudonym_key=keys.read().pseudonym_key,
        rate_limit=FixedWindowLimit(settings.server.logins_per_minute),
        clock=lambda: datetime.fromtimestamp(clock(), UTC),
    )


def _trust(settings: Settings) -> TrustFolder:
    """Return the CA certificates, which are read anew when the folder changes."""
    folder = settings.path(settings.trust.folder)
    try:
        trust = TrustFolder(folder, test=settings.trust.test)
    except TrustConfigurationError as error:
        raise ConfigurationError(f"trust.folder: {error}") from None
    except OSError as error:
        raise ConfigurationError(
            f"trust.folder: {folder}: {error.strerror}. `kortilla-server trust update` "
            "makes it."
        ) from None
    trust.watch()
    return trust


def _revocation(settings: Settings) -> Revocation:
    chosen = settings.revocation or RevocationSettings()
    cache = chosen.cache_folder
    try:
        return Revocation(
            by=chosen.by,
            cache_folder=None if cache is None else settings.path(cache),
            proxy=chosen.proxy,
            allow_private_addresses=chosen.allow_private_addresses,
        )
    except ValueError as error:
        raise ConfigurationError(f"revocation: {error}") from None
