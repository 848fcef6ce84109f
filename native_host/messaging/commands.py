# SPDX-License-Identifier: MIT
"""The commands that requests name: their arguments, and the operations that they run.

``own_command`` and ``web_eid_command`` check a request. ``Command.run`` builds the
operation's request from it, and turns the result into the fields of the answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from native_host.card.keys import PinRole
from native_host.errors import KortillaError
from native_host.messaging.caller import Caller
from native_host.messaging.extension_page_guard import OWN_PAGE_COMMANDS, check_own_page
from native_host.messaging.models import (
    AuthenticateArguments,
    CertificateArguments,
    ManageArguments,
    OriginArguments,
    OwnPageArguments,
    PinArguments,
    SignArguments,
    WebEidAuthenticateArguments,
    WebEidSignArguments,
    check,
)
from native_host.messaging.results import web_eid_signature_fields
from native_host.operations.activate import activate
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.card_status import card_status
from native_host.operations.documents import DocumentHeader, DocumentInbox
from native_host.operations.prompting import Context
from native_host.operations.set_pin import ManageRequest, change_pin, unblock
from native_host.operations.sign import sign
from native_host.operations.sign_request import HashToSign, SignRequest
from native_host.operations.signing_certificate import (
    CertificateRequest,
    signing_certificate,
)
from native_host.results import (
    Reply,
    certificate_fields,
    signatures_fields,
    token_fields,
)

__all__ = [
    "Command",
    "CommandContext",
    "UnknownCommandError",
    "own_command",
    "web_eid_command",
]

A = TypeVar("A", bound=BaseModel)


class UnknownCommandError(KortillaError):
    """The command is not one of PROTOCOL.md's."""

    code = "UNKNOWN_COMMAND"


@dataclass(frozen=True, kw_only=True)
class CommandContext(Context):
    """What a command runs with, once its origin has been checked.

    ``language`` is ``fi``, ``sv`` or ``en``. ``caller`` is the name of the program that
    asks, empty for a known browser. ``inbox`` takes the documents that were announced,
    if any.
    """

    language: str
    caller: str
    inbox: DocumentInbox | None


@dataclass(frozen=True)
class Command(Generic[A]):
    """A command with its checked arguments; the origin is not checked yet.

    ``opens_prompt`` says whether this process has a window for it at all.
    """

    arguments: A
    _run: Callable[[A, CommandContext], Awaitable[Reply]]
    opens_prompt: bool = True

    async def run(self, context: CommandContext) -> Reply:
        """Run the operation, and return the fields of its result."""
        return await self._run(self.arguments, context)

    @property
    def origin(self) -> str | None:
        """The web page's origin; None where a page of our own extension asks."""
        return getattr(self.arguments, "origin", None)

    @property
    def language(self) -> str | None:
        """The language that the page asks for, if any."""
        return getattr(self.arguments, "lang", None)

    @property
    def documents(self) -> tuple[DocumentHeader, ...]:
        """The documents that the request announces."""
        if not isinstance(self.arguments, SignArguments):
            return ()
        return tuple(
            DocumentHeader(each.name, each.media_type, each.size)
            for each in self.arguments.documents or ()
        )


def own_command(name: str, values: Mapping[str, Any], caller: Caller) -> Command[Any]:
    """Return the command of a request with an id.

    Raises ``InvalidArgumentError`` and ``UnknownCommandError``, and
    ``CallerRefusedError`` where only our own pages may ask, and ``caller`` may not.
    """
    if name in OWN_PAGE_COMMANDS:
        check_own_page(caller, name, values)
    return _find(_OWN_COMMANDS, name, values)


def web_eid_command(name: str, values: Mapping[str, Any]) -> Command[Any]:
    """Return the command of a request of Web eID's.

    Raises ``InvalidArgumentError`` and ``UnknownCommandError``.
    """
    return _find(_WEB_EID_COMMANDS, name, values)


def _find(
    table: "Mapping[str, _Entry[Any]]", name: str, values: Mapping[str, Any]
) -> Command[Any]:
    if name not in table:
        raise UnknownCommandError("The command is not known.")
    entry = table[name]
    return Command(check(entry.model, values), entry.run, entry.opens_prompt)


async def _authenticate(
    arguments: WebEidAuthenticateArguments, context: CommandContext
) -> Reply:
    request = AuthenticateRequest(
        origin=arguments.origin,
        challenge_nonce=arguments.challenge_nonce,
        language=context.language,
        started_by_person=arguments.started_by_person,
        caller=context.caller,
    )
    return token_fields(await authenticate(context, request))


async def _signing_certificate(
    arguments: OriginArguments, context: CommandContext
) -> Reply:
    request = CertificateRequest(
        origin=arguments.origin,
        language=context.language,
        started_by_person=arguments.started_by_person,
        caller=context.caller,
    )
    return certificate_fields(await signing_certificate(context, request))


async def _sign(arguments: SignArguments, context: CommandContext) -> Reply:
    request = SignRequest(
        origin=arguments.origin,
        language=context.language,
        hashes=tuple(
            HashToSign(each.name, each.hash, each.hash_function)
            for each in arguments.hashes or ()
        ),
        documents=context.inbox,
        hash_function=arguments.hash_function,
        certificate=arguments.certificate,
        key_type=arguments.crypto_algorithm,
        padding=arguments.padding_scheme,
        started_by_person=arguments.started_by_person,
        caller=context.caller,
    )
    return signatures_fields(await sign(context, request))


async def _web_eid_sign(
    arguments: WebEidSignArguments, context: CommandContext
) -> Reply:
    # The protocol has no name for the hash.
    hash_ = HashToSign("", arguments.hash, arguments.hash_function)
    request = SignRequest(
        origin=arguments.origin,
        language=context.language,
        hashes=(hash_,),
        certificate=arguments.certificate,
        caller=context.caller,
    )
    return web_eid_signature_fields(await sign(context, request))


async def _card_status(_: OwnPageArguments, context: CommandContext) -> Reply:
    return {"readers": await card_status(context.source)}


async def _prepare_login(_: OwnPageArguments, context: CommandContext) -> Reply:
    # Few hosts need it, and a person waits while each of them starts.
    from native_host.messaging.prepare_login import prepare_login

    await prepare_login()
    return {}


async def _activate(_: ManageArguments, context: CommandContext) -> Reply:
    return dict((await activate(context, _manage(context))).fields())


async def _change_pin(arguments: PinArguments, context: CommandContext) -> Reply:
    role = PinRole[arguments.pin]
    return dict((await change_pin(context, _manage(context), role)).fields())


async def _unblock(arguments: PinArguments, context: CommandContext) -> Reply:
    role = PinRole[arguments.pin]
    return dict((await unblock(context, _manage(context), role)).fields())


def _manage(context: CommandContext) -> ManageRequest:
    return ManageRequest(language=context.language, caller=context.caller)


@dataclass(frozen=True)
class _Entry(Generic[A]):
    """The model of a command's arguments, and what runs it."""

    model: type[A]
    run: Callable[[A, CommandContext], Awaitable[Reply]]
    opens_prompt: bool = True


_OWN_COMMANDS: Mapping[str, _Entry[Any]] = {
    "authenticate": _Entry(AuthenticateArguments, _authenticate),
    "get-signing-certificate": _Entry(CertificateArguments, _signing_certificate),
    "sign": _Entry(SignArguments, _sign),
    "card-status": _Entry(OwnPageArguments, _card_status, opens_prompt=False),
    "prepare-login": _Entry(OwnPageArguments, _prepare_login, opens_prompt=False),
    "activate": _Entry(ManageArguments, _activate),
    "change-pin": _Entry(PinArguments, _change_pin),
    "unblock": _Entry(PinArguments, _unblock),
}

_WEB_EID_COMMANDS: Mapping[str, _Entry[Any]] = {
    "authenticate": _Entry(WebEidAuthenticateArguments, _authenticate),
    "get-signing-certificate": _Entry(OriginArguments, _signing_certificate),
    "sign": _Entry(WebEidSignArguments, _web_eid_sign),
}
