# SPDX-License-Identifier: MIT
"""The commands of web pages, and the operations that they run.

``own_command`` and ``web_eid_command`` check a request. ``Command.run`` builds the
operation's request from it, and turns the result into the fields of the answer.
``own_page_commands`` has the commands of our own pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from kortilla.common import JsonObject
from native_host.errors import KortillaError
from native_host.messaging.answers import web_eid_signature_fields
from native_host.messaging.caller import Caller, check_own_page
from native_host.messaging.frames import WINDOW_COMMANDS
from native_host.messaging.messages import (
    AuthenticateArguments,
    CertificateArguments,
    CommandContext,
    OriginArguments,
    Run,
    SignArguments,
    WebEidAuthenticateArguments,
    WebEidSignArguments,
    check,
)
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.card_words import error_words
from native_host.operations.documents import DocumentHeader
from native_host.operations.results import (
    Reply,
    certificate_fields,
    signatures_fields,
    token_fields,
)
from native_host.operations.sign import HashToSign, SignRequest, sign
from native_host.operations.signing_certificate import (
    CertificateRequest,
    signing_certificate,
)
from native_host.texts.card import CardTexts
from native_host.texts.language import choose_language

#: Commands about this computer. They need neither the card nor a window here, and all
#: but ``open-window`` work where the configuration can't be read.
PLAIN_COMMANDS = frozenset(
    {"fix", "open-window", "self-check", "token-status", "token-switch"}
)
#: Those about the files of the browser that asks. In a sandbox it has others.
TOKEN_COMMANDS = frozenset({"token-status", "token-switch"})


@dataclass(frozen=True)
class Command:
    """A command with its checked arguments. The origin is not checked yet.

    ``opens_prompt`` is False for a command that never opens a window here, ``is_plain``
    True for one of ``PLAIN_COMMANDS``, which has no context.
    """

    name: str
    arguments: BaseModel
    _run: Run
    opens_prompt: bool
    is_plain: bool

    async def run(self, context: CommandContext | None) -> Reply:
        return await self._run(self.arguments, context)

    @property
    def origin(self) -> str | None:
        """The web page's origin; None where a page of our own extension asks."""
        if isinstance(self.arguments, OriginArguments):
            return self.arguments.origin
        return None

    @property
    def language(self) -> str | None:
        return getattr(self.arguments, "lang", None)

    def error_words(self, error: KortillaError) -> Reply:
        """Return what our own page says of an error, if that is about a card."""
        if self.origin is not None:
            return {}
        texts = CardTexts(choose_language("", self.language))
        words = error_words(error.reason or error.code, texts, command=self.name)
        return {"words": words} if words else {}

    @property
    def documents(self) -> tuple[DocumentHeader, ...]:
        if not isinstance(self.arguments, SignArguments):
            return ()
        return tuple(
            DocumentHeader(each.name, each.media_type, each.size)
            for each in self.arguments.documents or ()
        )


def own_command(name: str, values: Mapping[str, object], caller: Caller) -> Command:
    """Return the command of a request with an id.

    Raises ``InvalidArgumentError`` and ``UNKNOWN_COMMAND``, and
    ``CallerRefusedError`` where only our own pages may ask, and ``caller`` may not.
    """
    from native_host.messaging import own_page_commands  # slow to import

    if name in own_page_commands.COMMANDS:
        check_own_page(caller, name, values)
        return _find(own_page_commands.COMMANDS, name, values)
    return _find(_SITE_COMMANDS, name, values)


def web_eid_command(name: str, values: Mapping[str, object]) -> Command:
    """Return the command of a request of Web eID's.

    Raises ``InvalidArgumentError`` and ``UNKNOWN_COMMAND``.
    """
    return _find(_WEB_EID_COMMANDS, name, values)


def _find(
    table: Mapping[str, tuple[type[BaseModel], Run]],
    name: str,
    values: Mapping[str, object],
) -> Command:
    if name not in table:
        raise KortillaError("The command is not known.", code="UNKNOWN_COMMAND")
    model, run = table[name]
    return Command(
        name,
        check(model, values),
        run,
        name in WINDOW_COMMANDS,
        name in PLAIN_COMMANDS,
    )


def _common_fields(arguments: OriginArguments, context: CommandContext) -> JsonObject:
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
    identified_by: bytes | None = None
    if isinstance(arguments, CertificateArguments):
        identified_by = arguments.identified_by
    request = CertificateRequest(
        identified_by=identified_by, **_common_fields(arguments, context)
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


_SITE_COMMANDS: Mapping[str, tuple[type[BaseModel], Run]] = {
    "authenticate": (AuthenticateArguments, _authenticate),
    "get-signing-certificate": (CertificateArguments, _signing_certificate),
    "sign": (SignArguments, _sign),
}

_WEB_EID_COMMANDS: Mapping[str, tuple[type[BaseModel], Run]] = {
    "authenticate": (WebEidAuthenticateArguments, _authenticate),
    "get-signing-certificate": (OriginArguments, _signing_certificate),
    "sign": (WebEidSignArguments, _web_eid_sign),
}
