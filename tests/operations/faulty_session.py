# SPDX-License-Identifier: MIT
"""An operation on the mock card with one fault, and a record of all commands."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from kortilla.mock_card.card_data import CardData
from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardRemovedError
from native_host.card.mock_source import MockCardSource
from native_host.card.pcsc_connection import PcscConnection
from native_host.card.source import CardConnection, CardSource, Reader
from native_host.errors import KortillaError
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.request import Context
from native_host.operations.results import token_fields
from native_host.operations.sign import HashToSign, Signatures, SignRequest, sign
from native_host.pin_prompt.model import (
    CodesQuestion,
    PinQuestion,
    Problem,
    Progress,
    Step,
    UnlockQuestion,
)
from native_host.pin_prompt.prompt import Prompt
from tests.operations.readers import OneReader
from tests.operations.signing import ORIGIN
from tests.operations.user import User

NONCE = "bm9uY2Ugb2YgYSBzcGVjaW1lbiBzZXNzaW9uIG9ubHkh"
LOGIN = AuthenticateRequest(origin=ORIGIN, challenge_nonce=NONCE, language="fi")

# Without a previous SELECT, which would itself reset the verification state.
PIN_STATUS = (bytes.fromhex("0020001100"), bytes.fromhex("0020008200"))

ASKED = "asked"  # marks in the record where the user was asked for PINs or codes

# CHANGE REFERENCE DATA and RESET RETRY COUNTER
SETTING = (0x24, 0x2C)

#: An operation that takes a source of cards and a prompt.
Operation = Callable[[CardSource, Prompt], Awaitable[object]]


async def make_token(context: Context, request: AuthenticateRequest) -> dict[str, Any]:
    return token_fields(await authenticate(context, request))


async def log_in(source: CardSource, prompt: Prompt) -> dict[str, Any]:
    return await make_token(Context(source, prompt), LOGIN)


def signing_of(
    names: str,
) -> Callable[[CardSource, Prompt], Coroutine[Any, Any, Signatures]]:
    """Return the operation that signs a hash for each letter."""

    async def sign_all(source: CardSource, prompt: Prompt) -> Signatures:
        hashes = tuple(HashToSign(name, bytes(48), "SHA-384") for name in names)
        request = SignRequest(origin=ORIGIN, language="fi", hashes=hashes)
        return await sign(Context(source, prompt), request)

    return sign_all


@dataclass
class Record:
    """All commands and responses in order, with the questions between."""

    events: list[tuple[bytes, int | None] | str] = field(default_factory=list)
    verified_afterwards: list[bytes] = field(default_factory=list)
    #: The card's content before each command that sets a PIN.
    held: list[CardData] = field(default_factory=list)
    #: Called with the number of each command before it is sent, on the card's thread.
    on_command: Callable[[int], None] = lambda _: None

    def commands(self) -> list[bytes]:
        return [event[0] for event in self.events if not isinstance(event, str)]


class Recorded(CardConnection):
    """A connection that records everything, and examines the card when it closes.

    ``then`` clears the faults and returns a connection for that examination. ``state``
    is the card's folder.
    """

    def __init__(
        self,
        inner: CardConnection,
        record: Record,
        state: MockCardState,
        then: Callable[[], CardConnection],
    ) -> None:
        self.inner, self._record, self._then = inner, record, then
        self._state = state
        self.protocol, self.atr = inner.protocol, inner.atr
        self._open = True

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self._record.on_command(len(self._record.commands()))
        self._record.events.append((apdu, None))
        if apdu[1] in SETTING:
            self._record.held.append(self._state.read())
        data, status = self.inner.send_and_receive(apdu)
        self._record.events[-1] = (apdu, status)
        return data, status

    def release(self) -> None:
        self.inner.release()

    def close(self) -> None:
        self.inner.close()
        if not self._open:
            return
        self._open = False
        try:
            card = self._then()
            for status in PIN_STATUS:
                if card.send_and_receive(status)[1] == 0x9000:
                    self._record.verified_afterwards.append(status)
            card.close()
        except CardRemovedError:  # without power
            return


class Handy(User):
    """A user who takes the card out and puts it back at every message.

    The user gives up after a limit of removals and entries.
    """

    def __init__(
        self,
        source: MockCardSource | OneReader,
        record: Record,
        pins: Iterable[str],
        codes: Iterable[dict[str, str]] = (),
    ) -> None:
        super().__init__(list(pins), codes=list(codes))
        self._source, self._record = source, record
        # A reader of pcscd may cause more messages than the fault itself.
        self._patience = 20 if isinstance(source, OneReader) else 6

    def show(
        self,
        step: Step,
        problem: Problem | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().show(step, problem, progress)
        if problem is None or step is Step.FAILED:
            return
        self._patience -= 1
        asyncio.get_running_loop().call_soon(self._help)

    def _help(self) -> None:
        if self._patience <= 0:
            self.cancel()
            return
        self._source.remove()
        self._source.insert()

    async def ask_pin(self, question: PinQuestion) -> bytearray:
        self._record.events.append(ASKED)
        if not self.pins:
            self.cancel()
        return await super().ask_pin(question)

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        """Type the fields of the page from all values of the test."""
        self._record.events.append(ASKED)
        if not self.codes:
            self.cancel()
        elif self.codes[0] and not question.pin_pad:
            sheet = self.codes[0]
            self.codes[0] = {each.name: sheet[each.name] for each in question.fields}
        return await super().ask_codes(question)

    async def offer_unlock(self, question: UnlockQuestion) -> None:
        """Accept while there is something to type."""
        self.unlocks = [bool(self.codes)]
        await super().offer_unlock(question)


async def session(
    source: MockCardSource | OneReader,
    state: MockCardState,
    operation: Operation,
    *pins: str,
    codes: Iterable[dict[str, str]] = (),
    called_off: tuple[Literal["user", "page"], int] | None = None,
) -> tuple[Handy, Record, object]:
    """Run an operation; return the user, the record, and the result or its error.

    The faults of ``state`` are cleared when the first connection closes. With
    ``called_off`` the user or the page cancels when that command is being sent.
    """
    source.insert()  # an interrupted batch leaves the card where it is
    if isinstance(source, OneReader):  # pcscd notices this a little later
        await source.settled()
    record = Record()
    user = Handy(source, record, pins, codes)
    loop = asyncio.get_running_loop()
    connect: Callable[..., Awaitable[CardConnection]] = type(source).connect
    resume: Callable[..., Awaitable[CardConnection]] = type(source).resume

    def record_of(connection: CardConnection, reader: Reader) -> CardConnection:

        def then() -> CardConnection:
            state.set_faults()
            if isinstance(source, OneReader):  # as any other program can
                return PcscConnection(reader.name)
            return connection

        return Recorded(connection, record, state, then)

    async def recorded(reader: Reader) -> CardConnection:
        return record_of(await connect(source, reader), reader)

    async def resumed(reader: Reader, connection: CardConnection) -> CardConnection:
        assert isinstance(connection, Recorded)
        held = await resume(source, reader, connection.inner)
        # One that was connected to anew is recorded already.
        return held if isinstance(held, Recorded) else record_of(held, reader)

    # For this session.
    source.connect = recorded  # type: ignore[method-assign]
    source.resume = resumed  # type: ignore[method-assign]
    work = asyncio.ensure_future(operation(source, user))

    def call_off(number: int) -> None:
        if called_off and number == called_off[1]:
            end = user.cancel if called_off[0] == "user" else work.cancel
            loop.call_soon_threadsafe(end)

    record.on_command = call_off
    result: object
    try:
        async with asyncio.timeout(60):
            result = await work
    except (KortillaError, asyncio.CancelledError) as error:
        result = error
    return user, record, result


def check_promises(user: User, record: Record) -> None:
    """Check what holds for every fault.

    A command with a PIN goes out once per entry, or once per signature that the card
    has made since. After a refusal, no command goes out before the next entry. No
    verified PIN remains on the card, and no typed PIN in memory.
    """
    allowed = 0
    refused = False
    for event in record.events:
        if isinstance(event, str):
            allowed, refused = 1, False
            continue
        apdu, status = event
        assert not refused, "a command was sent between a refusal and the next entry"
        name = CommandName.of(apdu)
        if name is CommandName.VERIFY:
            assert allowed, "a PIN was sent twice"
            allowed -= 1
            refused = status is not None and status & 0xFFF0 == 0x63C0
        if name is CommandName.SIGN:
            allowed = 1
    assert not record.verified_afterwards
    assert not any(any(pin) for pin in user.typed)
