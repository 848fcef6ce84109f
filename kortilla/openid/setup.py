# SPDX-License-Identifier: MIT
"""Makes a provider of its configuration."""

import hashlib
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet, RSAKey

from kortilla.audit import AuditLog
from kortilla.common.imports import missing_words
from kortilla.errors import ConfigurationError, TrustConfigurationError
from kortilla.events import EventHook
from kortilla.openid.browsers import Browsers
from kortilla.openid.clients import Client
from kortilla.openid.jose.tokens import encryption_key
from kortilla.openid.keys import KeyFile
from kortilla.openid.login_page import LoginPage
from kortilla.openid.pages import Pages
from kortilla.openid.protocol import Protocol
from kortilla.openid.provider import Provider
from kortilla.openid.settings import ClientSettings, RevocationSettings, Settings
from kortilla.openid.store import MemoryStore, RedisStore, Store
from kortilla.revocation import Revocation, RevocationChecker
from kortilla.validation.trust import Trust
from kortilla.validation.trust_folder import TrustFolder
from kortilla.web.challenge import ChallengeStore
from kortilla.web.login import LoginService
from kortilla.web.rate_limit import FixedWindowLimit

if TYPE_CHECKING:
    from kortilla.openid.simulator import Simulator

logger = logging.getLogger(__name__)

#: Bits (RFC 7518 §3.3).
_SHORTEST_RSA = 2048


def create_provider(
    settings: Settings,
    *,
    simulator: bool = False,
    keys: KeyFile | None = None,
    on_event: Iterable[EventHook] = (),
    clock: Callable[[], float] = time.time,
) -> Provider:
    """Make the provider of a configuration, and check all that it names.

    With ``simulator``, people choose test persons in place of cards. ``keys`` are the
    configuration's by default; several providers in one process may share them, since
    reading RSA keys is slow. ``on_event`` are hooks beside the audit log of the
    configuration. ``clock`` returns seconds since 1970. Raises ``ConfigurationError``.
    """
    keys = keys or KeyFile(settings.path(settings.keys_file))
    keys.check()
    if simulator and not settings.trust.test:
        raise ConfigurationError(
            "trust.test: the simulator needs true, and refuses production trust."
        )
    clients = {
        each.id: Client(each, load_client_keys(settings, number, each))
        for number, each in enumerate(settings.clients)
    }
    try:
        protocol = Protocol(settings, keys, clients, clock, simulator=simulator)
    except ValueError as error:
        raise ConfigurationError(f"issuer: {error}.") from None
    store, challenges = _stores(settings, clock, simulator=simulator)
    played = None
    if simulator:
        from kortilla.openid.simulator import (  # noqa: PLC0415 - real cards need none
            Simulator,
        )

        played = Simulator()
    closing = AsyncExitStack()
    service = _service(
        settings, played, challenges, keys, closing, on_event=on_event, clock=clock
    )
    closing.push_async_callback(service.close)
    closing.push_async_callback(store.close)
    browsers = Browsers(
        store, settings.origin, session_seconds=settings.sso_minutes * 60
    )
    if settings.trust.test:
        logger.warning("trust.test is set: test cards log people in.")
    login_page = LoginPage(
        protocol=protocol,
        store=store,
        browsers=browsers,
        service=service,
        pages=Pages(settings, played),
        simulator=played,
        behind_proxy=settings.server.behind_proxy,
    )
    return Provider(login_page, closing=closing)


def _stores(
    settings: Settings, clock: Callable[[], float], *, simulator: bool
) -> tuple[Store, ChallengeStore | None]:
    if settings.redis is None:
        return MemoryStore(clock=clock), None
    try:
        from kortilla.redis import (  # noqa: PLC0415 - redis is an extra
            RedisChallengeStore,
        )
        from kortilla.redis.connection import connect  # noqa: PLC0415 - likewise
    except ModuleNotFoundError:
        raise ConfigurationError(missing_words("redis", "redis")) from None
    client = connect(settings.redis.url)
    # A login counts at its issuer and under its trust alone: a test card's session is
    # worth nothing at another provider in the same Redis, nor after going live.
    kind = f"{settings.issuer}|{simulator}|{settings.trust.test}"
    digest = hashlib.sha256(kind.encode()).hexdigest()[:16]
    prefix = f"{settings.redis.prefix}{digest}:"
    challenges = RedisChallengeStore(
        client, prefix=prefix, clock=lambda: datetime.fromtimestamp(clock(), UTC)
    )
    return RedisStore(client, prefix=prefix), challenges


def _service(
    settings: Settings,
    simulator: "Simulator | None",
    challenges: ChallengeStore | None,
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


def load_client_keys(
    settings: Settings, number: int, client: ClientSettings
) -> KeySet | None:
    """Return the public keys of a client. Raises ``ConfigurationError``."""
    if client.jwks_file is None:
        return None
    file = settings.path(client.jwks_file)
    key = f"clients[{number}].jwks_file"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        with warnings.catch_warnings():
            # Of short RSA keys, which are refused below.
            warnings.simplefilter("ignore", SecurityWarning)
            found = KeySet.import_key_set(content)
    except OSError as error:
        raise ConfigurationError(f"{key}: {file}: {error.strerror}.") from None
    except (JoseError, ValueError, TypeError, KeyError):
        raise ConfigurationError(f"{key}: {file} is not a JWK set.") from None
    kinds = {each.key_type for each in found.keys}
    if not found.keys or not kinds <= {"RSA", "EC"}:
        raise ConfigurationError(f"{key}: {file} has no RSA or EC keys, or others too.")
    if any(_is_weak(each) for each in found.keys):
        raise ConfigurationError(
            f"{key}: {file} has an RSA key of less than {_SHORTEST_RSA} bits."
        )
    if any(each.is_private for each in found.keys):
        raise ConfigurationError(f"{key}: {file} has a private key: never share it.")
    _check_encryption(client, found, f"{key}: {file}")
    return found


def _check_encryption(client: ClientSettings, keys: KeySet, place: str) -> None:
    """Check that a client has the keys that are to encrypt for it."""
    for name in client.key_uses():
        algorithm = getattr(client, name)
        if "encrypted" in name and encryption_key(keys, algorithm) is None:
            kind = "RSA" if algorithm.startswith("RSA") else "EC"
            raise ConfigurationError(
                f'{place} has no {kind} key with "use": "enc" for {name}.'
            )


def _is_weak(key: object) -> bool:
    return isinstance(key, RSAKey) and key.public_key.key_size < _SHORTEST_RSA
