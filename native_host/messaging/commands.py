# SPDX-License-Identifier: MIT
"""The commands of requests: their arguments, and the operations that they run.

``own_command`` and ``web_eid_command`` check a request. ``Command.run`` builds the
operation's request from it, and turns the result into the fields of the answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from native_host.card.keys import PinRole
from native_host.errors import KortillaError
from native_host.messaging.caller import Caller
from native_host.messaging.extension_page_guard import OWN_PAGE_COMMANDS, check_own_page
from native_host.messaging.models import (
    AuthenticateArguments,
    CertificateArguments,
    ManageArguments,
    MendArguments,
    OriginArguments,
    OwnPageArguments,
    PinArguments,
    SignArguments,
    SwitchArguments,
    WebEidAuthenticateArguments,
    WebEidSignArguments,
    check,
)
from native_host.messaging.results import web_eid_signature_fields
from native_host.operations.activate import activate
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.card_status import card_status, wait_for_card
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


#: Runs a command with its checked arguments and its context.
_Run = Callable[[Any, Any], Awaitable[Reply]]

#: Commands about this computer. They need neither the card nor a window here, and all
#: but ``open-window`` work where the configuration can't be read.
PLAIN_COMMANDS = frozenset(
    {"mend", "open-window", "self-check", "token-status", "token-switch"}
)


@dataclass(frozen=True)
class Command:
    """A command with its checked arguments. The origin is not checked yet.

    ``opens_prompt`` is False for a command that never opens a window here, ``is_plain``
    True for one of ``PLAIN_COMMANDS``, which has no context.
    """

    arguments: BaseModel
    _run: _Run
    opens_prompt: bool
    is_plain: bool

    async def run(self, context: CommandContext | None) -> Reply:
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


def own_command(name: str, values: Mapping[str, Any], caller: Caller) -> Command:
    """Return the command of a request with an id.

    Raises ``InvalidArgumentError`` and ``UnknownCommandError``, and
    ``CallerRefusedError`` where only our own pages may ask, and ``caller`` may not.
    """
    if name in OWN_PAGE_COMMANDS:
        check_own_page(caller, name, values)
    return _find(_OWN_COMMANDS, name, values)


def web_eid_command(name: str, values: Mapping[str, Any]) -> Command:
    """Return the command of a request of Web eID's.

    Raises ``InvalidArgumentError`` and ``UnknownCommandError``.
    """
    return _find(_WEB_EID_COMMANDS, name, values)


def _find(
    table: Mapping[str, tuple[type[BaseModel], _Run]],
    name: str,
    values: Mapping[str, Any],
) -> Command:
    if name not in table:
        raise UnknownCommandError("The command is not known.")
    model, run = table[name]
    opens_prompt = run not in (_card_status, _prepare_login, _wait_for_card)
    return Command(check(model, values), run, opens_prompt, name in PLAIN_COMMANDS)


def _common_fields(
    arguments: OriginArguments, context: CommandContext
) -> dict[str, Any]:
    """Return the fields that the requests of all web pages have."""
    return {
        "origin": arguments.origin,
        "language": context.language,
        "started_by_person": arguments.started_by_person,
        "caller": context.caller,
    }


async def _authenticate(
    arguments: WebEidAuthenticateArguments, context: CommandContext
) -> Reply:
    request = AuthenticateRequest(
        challenge_nonce=arguments.challenge_nonce, **_common_fields(arguments, context)
    )
    return token_fields(await authenticate(context, request))


async def _signing_certificate(
    arguments: OriginArguments, context: CommandContext
) -> Reply:
    request = CertificateRequest(
        identified_by=getattr(arguments, "identified_by", None),
        **_common_fields(arguments, context),
    )
    return certificate_fields(await signing_certificate(context, request))


async def _sign(arguments: SignArguments, context: CommandContext) -> Reply:
    request = SignRequest(
        hashes=tuple(
            HashToSign(each.name, each.hash, each.hash_function)
            for each in arguments.hashes or ()
        ),
        documents=context.inbox,
        hash_function=arguments.hash_function,
        certificate=arguments.certificate,
        key_type=arguments.crypto_algorithm,
        padding=arguments.padding_scheme,
        **_common_fields(arguments, context),
    )
    return signatures_fields(await sign(context, request))


async def _web_eid_sign(
    arguments: WebEidSignArguments, context: CommandContext
) -> Reply:
    # The protocol has no name for the hash.
    hash_ = HashToSign("", arguments.hash, arguments.hash_function)
    request = SignRequest(
        hashes=(hash_,),
        certificate=arguments.certificate,
        **_common_fields(arguments, context),
    )
    return web_eid_signature_fields(await sign(context, request))


async def _card_status(_: OwnPageArguments, context: CommandContext) -> Reply:
    return {"readers": await card_status(context.source)}


async def _wait_for_card(_: OwnPageArguments, context: CommandContext) -> Reply:
    await wait_for_card(context.source)
    return {}


async def _prepare_login(_: OwnPageArguments, context: CommandContext) -> Reply:
    # Few hosts need it, and a person waits while each of them starts.
    from native_host.messaging.prepare_login import prepare_login

    await prepare_login()
    return {}


async def _self_check(arguments: ManageArguments, _context: None) -> Reply:
    from native_host.doctor.examination import configured_place, examine, report
    from native_host.languages import choose_language

    place, config = configured_place()
    language = choose_language(config.language, arguments.lang)
    return report(await examine(place), language)


async def _mend(arguments: MendArguments, _context: None) -> Reply:
    from native_host.doctor.examination import configured_place, mend

    place, _ = configured_place()
    await mend(place, arguments.code, confirmed=arguments.confirmed)
    return {}


async def _token_status(arguments: OwnPageArguments, _context: None) -> Reply:
    from native_host.messaging.token_switch import token_status

    return await token_status(arguments.family)


async def _token_switch(arguments: SwitchArguments, _context: None) -> Reply:
    from native_host.messaging.token_switch import switch_token

    return await switch_token(arguments.family, on=arguments.on)


async def _open_window(_: OwnPageArguments, _context: None) -> Reply:
    from native_host.messaging.open_window import open_window

    open_window()
    return {}


async def _activate(_: ManageArguments, context: CommandContext) -> Reply:
    return (await activate(context, _manage(context))).fields()


async def _change_pin(arguments: PinArguments, context: CommandContext) -> Reply:
    role = PinRole[arguments.pin]
    return (await change_pin(context, _manage(context), role)).fields()


async def _unblock(arguments: PinArguments, context: CommandContext) -> Reply:
    role = PinRole[arguments.pin]
    return (await unblock(context, _manage(context), role)).fields()


def _manage(context: CommandContext) -> ManageRequest:
    return ManageRequest(language=context.language, caller=context.caller)


_OWN_COMMANDS: Mapping[str, tuple[type[BaseModel], _Run]] = {
    "authenticate": (AuthenticateArguments, _authenticate),
    "get-signing-certificate": (CertificateArguments, _signing_certificate),
    "sign": (SignArguments, _sign),
    "card-status": (OwnPageArguments, _card_status),
    "wait-for-card": (OwnPageArguments, _wait_for_card),
    "prepare-login": (OwnPageArguments, _prepare_login),
    "activate": (ManageArguments, _activate),
    "change-pin": (PinArguments, _change_pin),
    "unblock": (PinArguments, _unblock),
    "self-check": (ManageArguments, _self_check),
    "mend": (MendArguments, _mend),
    "open-window": (OwnPageArguments, _open_window),
    "token-status": (OwnPageArguments, _token_status),
    "token-switch": (SwitchArguments, _token_switch),
}

_WEB_EID_COMMANDS: Mapping[str, tuple[type[BaseModel], _Run]] = {
    "authenticate": (WebEidAuthenticateArguments, _authenticate),
    "get-signing-certificate": (OriginArguments, _signing_certificate),
    "sign": (WebEidSignArguments, _web_eid_sign),
}
