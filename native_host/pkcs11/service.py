# SPDX-License-Identifier: MIT
"""The process: serves the program that started it, or all who connect to a socket."""

import asyncio
import logging
import os
import signal
import socket
import stat
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from native_host.config import Config
from native_host.errors import KortillaError
from native_host.pkcs11.connection import serve_client
from native_host.pkcs11.control import ControlServer
from native_host.pkcs11.cryptoki import Cryptoki
from native_host.pkcs11.slots import SlotManager
from native_host.platform.posix.sockets import ForeignPeerError
from native_host.platform.private_files import private_folder
from native_host.platform.process_tree import Program, peer_of, spawner
from native_host.platform.tasks import TaskSet

if TYPE_CHECKING:
    from native_host.operations.refusals import Refusals
    from native_host.pkcs11.tls_login import TlsLogin

if sys.platform == "win32":  # mypy reads on only for others
    raise ImportError("This module is not for Windows.")

logger = logging.getLogger(__name__)

_MOST_CLIENTS = 64
_ACCEPT_PAUSE = 1.0  # seconds
#: Seconds after which a browser's signature fails: browsers end a handshake after 30.
BROWSERS_PATIENCE = 28.0
#: Seconds in which a PIN serves the other connections of a login in Firefox. It often
#: drops the connection that has logged in, and makes another at once.
_SAME_LOGIN = 3.0
#: Seconds that a token stays for a browser after its card was pulled, or after the
#: signature that the pull ended. Browsers try again without asking: without a token
#: Firefox hangs, and with another token NSS ends the login.
_LINGERING = 10.0


def serve_stdio(
    config: Config,
    *,
    window: Sequence[str] | None = None,
    patience: float = BROWSERS_PATIENCE,
) -> int:
    """Serve standard input and output until they end; return the exit status.

    ``window`` replaces the command of the PIN window. A browser waits for a signature
    for ``patience`` seconds. Raises ``KortillaError`` for a configuration that can't be
    used.
    """
    descriptors = os.dup(0), os.dup(1)
    # So a stray print can't break the protocol, and a child can't read our input.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    program = spawner(descriptors[0])
    asyncio.run(
        _run_until_signal(
            lambda service: service.serve(*descriptors, program),
            config,
            window,
            patience,
        )
    )
    return 0


def serve_socket(
    config: Config,
    path: Path,
    *,
    window: Sequence[str] | None = None,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Listen on a unix socket until a signal comes; return the exit status.

    Its folder is made, for this user alone. A socket without a listener is replaced.
    Calls ``ready`` once programs can connect and signals end it in order. Raises
    ``SOCKET_UNUSABLE``, and as ``serve_stdio`` does.
    """
    with _open_listener(path) as listener:
        made = path.stat()
        try:
            asyncio.run(
                _run_until_signal(
                    lambda service: service.listen(listener, ready), config, window
                )
            )
        finally:
            with suppress(OSError):
                if os.path.samestat(made, path.stat()):
                    path.unlink()
    return 0


class _TokenService:
    """Serves clients, which share the cards, the window's command and the refusals."""

    def __init__(
        self,
        config: Config,
        slots: SlotManager,
        window: Sequence[str] | None,
        patience: float,
    ) -> None:
        self._config = config
        self._slots = slots
        self._window = window
        self._patience = patience
        self._clients = TaskSet()
        self._refusals: Refusals | None = None
        self._signers: WeakSet[TlsLogin] = WeakSet()
        self._watch: asyncio.Task[None] | None = None

    async def serve(
        self, descriptor_in: int, descriptor_out: int, program: Program
    ) -> None:
        cryptoki = _kind_for(program)(
            self._slots,
            lambda: self._open_signer(program),
            hides_errors=program.gecko,
            lingering=_LINGERING if program.browser else 0,
        )

        async def prepare() -> None:
            await cryptoki.signer.prepare()

        async with AsyncExitStack() as stack:
            if not program.mail:  # a login is prepared for browsers
                await stack.enter_async_context(ControlServer(program, prepare))
            await serve_client(descriptor_in, descriptor_out, cryptoki)

    async def listen(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Call ``ready`` and serve all that connect, until cancelled."""
        loop = asyncio.get_running_loop()
        ready()
        try:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listener)
                    with connection:
                        self._accept(connection)
                except OSError as error:  # too many descriptors are open
                    logger.warning("A connection can't be taken: %s", error.strerror)
                    await asyncio.sleep(_ACCEPT_PAUSE)
        finally:
            await self._clients.cancel()

    def _accept(self, connection: socket.socket) -> None:
        try:
            program = peer_of(connection)
        except (OSError, ForeignPeerError):
            logger.warning("A connection of another user is closed.")
            return
        if len(self._clients) >= _MOST_CLIENTS:
            logger.warning("There are too many clients.")
            return
        descriptors = os.dup(connection.fileno()), connection.detach()
        self._clients.start(self.serve(*descriptors, program))

    def _open_signer(self, program: Program) -> "TlsLogin":
        from native_host.operations.card_access.access_numbers import AccessNumbers
        from native_host.operations.environment import open_prompt
        from native_host.operations.refusals import Refusals
        from native_host.pkcs11.tls_login import TlsLogin
        from native_host.texts.language import choose_language

        self._refusals = self._refusals or Refusals(self._slots.learn_tries)
        self._slots.numbers = self._slots.numbers or AccessNumbers()
        signer = TlsLogin(
            source=self._slots.source,
            open_prompt=lambda: open_prompt(self._config, command=self._window),
            program=program.name,
            mail=program.mail,
            language=choose_language(self._config.language, None),
            patience=self._patience if program.browser else None,
            same_login=_SAME_LOGIN if program.gecko else 0.0,
            refusals=self._refusals,
            numbers=self._slots.numbers,
            asks=self._watch_session,
        )
        self._signers.add(signer)
        return signer

    def _watch_session(self) -> None:
        """Keep no PIN when the person leaves, from the first question for one on."""
        from native_host.pkcs11.session_watch import watch

        def forget() -> None:
            for each in list(self._signers):
                each.pins.expire()

        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(watch(forget))


def _kind_for(program: Program) -> type[Cryptoki]:
    if not program.may_decrypt:
        return Cryptoki
    # Browsers start without it.
    from native_host.pkcs11.decrypting import DecryptingCryptoki

    return DecryptingCryptoki


async def _run_until_signal(
    work: Callable[[_TokenService], Awaitable[None]],
    config: Config,
    window: Sequence[str] | None,
    patience: float = BROWSERS_PATIENCE,
) -> None:
    """Run ``work`` until it ends or a signal comes, and close the readers."""
    from native_host.operations.environment import open_source

    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(open_source(config))
        slots = SlotManager(source)
        stack.push_async_callback(slots.close)
        task = asyncio.ensure_future(
            work(_TokenService(config, slots, window, patience))
        )
        # The task begins after this: signals end it in order from its first line on.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()


def _open_listener(path: Path) -> socket.socket:
    """Return a listening socket. Raises ``SOCKET_UNUSABLE``."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with private_folder(path.parent, create=True):
            _remove_stale(path)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen()
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise KortillaError(
            f"{path}: {error.strerror or error}.", code="SOCKET_UNUSABLE"
        ) from error
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket without a listener. Raises ``SOCKET_UNUSABLE``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
            return
    raise KortillaError(
        f"{path}: another program listens there.", code="SOCKET_UNUSABLE"
    )
