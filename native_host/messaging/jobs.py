# SPDX-License-Identifier: MIT
"""From a command and its arguments to the work that it asks for.

Each operation has its place here once: what it is told, and how its result becomes the
fields of the wire. What all of them have in common is in ``operation``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from native_host.card.keys import PinRole
from native_host.card.source import CardSource
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
from native_host.operations.prompting import Context, Report
from native_host.operations.set_pin import ManageRequest, PinsSet, change_pin, unblock
from native_host.operations.sign import HashToSign, SignRequest, sign
from native_host.operations.signing_certificate import (
    CertificateRequest,
    signing_certificate,
)
from native_host.pin_prompt.prompt import Prompt
from native_host.results import (
    Reply,
    certificate_fields,
    signatures_fields,
    token_fields,
)

__all__ = [
    "Job",
    "Setting",
    "UnknownCommandError",
    "document_headers",
    "own_job",
    "sign_request",
    "web_eid_job",
]


class UnknownCommandError(KortillaError):
    """The command is not one of PROTOCOL.md's."""

    code = "UNKNOWN_COMMAND"


@dataclass(frozen=True)
class Setting:
    """What a job is done with and for, once its request has been checked.

    ``origin`` is empty where a page of our own asks. ``caller`` is the name of the
    program that asks where that is no browser, and else empty.
    """

    origin: str
    language: str
    caller: str
    source: CardSource
    prompt: Prompt
    progress: Report
    #: Takes the documents that were announced, where there were any.
    inbox: DocumentInbox | None = None


@dataclass(frozen=True)
class Job:
    """What a request asks for. ``work`` returns the fields of its result.

    ``origin``, which is yet to be checked, is None where a page of our own asks; such a
    job's window stays until the person has read what came of it. ``asks`` tells whether
    this process has a window at all.
    """

    work: Callable[[Setting], Awaitable[Reply]]
    origin: str | None
    lang: str | None
    documents: tuple[DocumentHeader, ...] = ()
    asks: bool = True


def own_job(command: str, values: Mapping[str, Any], caller: Caller) -> Job:
    """Return the job of a request with an id.

    Raises ``InvalidArgumentError`` and ``UnknownCommandError``, here and below, and
    ``CallerRefusedError`` for what only our own pages may ask and ``caller`` may not.
    """
    if command in OWN_PAGE_COMMANDS:
        check_own_page(caller, command, values)
        return _own_page_job(command, values)
    match command:
        case "authenticate":
            login = check(AuthenticateArguments, values)
            return _authentication(login, started_by_person=login.user_activation)
        case "get-signing-certificate":
            asked = check(CertificateArguments, values)
            return _certificate(asked, started_by_person=asked.user_activation)
        case "sign":
            return _signing(check(SignArguments, values))
    raise UnknownCommandError("The command is not known.")


def web_eid_job(command: str, values: Mapping[str, Any]) -> Job:
    """Return the job of a request of Web eID's."""
    match command:
        case "authenticate":
            login = check(WebEidAuthenticateArguments, values)
            return _authentication(login, started_by_person=True)
        case "get-signing-certificate":
            asked = check(OriginArguments, values)
            return _certificate(asked, started_by_person=True)
        case "sign":
            return _web_eid_signing(check(WebEidSignArguments, values))
    raise UnknownCommandError("The command is not known.")


def sign_request(
    arguments: SignArguments,
    *,
    origin: str,
    language: str,
    inbox: DocumentInbox | None,
    caller: str,
) -> SignRequest:
    """Return what is to be signed; ``inbox`` takes the documents there are."""
    return SignRequest(
        origin=origin,
        language=language,
        hashes=tuple(
            HashToSign(each.name, each.hash, each.hash_function)
            for each in arguments.hashes or ()
        ),
        documents=inbox,
        hash_function=arguments.hash_function,
        certificate=arguments.certificate,
        key_type=arguments.crypto_algorithm,
        padding=arguments.padding_scheme,
        started_by_person=arguments.user_activation,
        caller=caller,
    )


def document_headers(arguments: SignArguments) -> tuple[DocumentHeader, ...]:
    """Return the documents that a request announces."""
    return tuple(
        DocumentHeader(each.name, each.media_type, each.size)
        for each in arguments.documents or ()
    )


def _own_page_job(command: str, values: Mapping[str, Any]) -> Job:
    if command == "card-status":
        check(OwnPageArguments, values)
        return Job(_card_status, origin=None, lang=None, asks=False)
    if command == "prepare-login":
        check(OwnPageArguments, values)
        return Job(_prepare_login, origin=None, lang=None, asks=False)
    if command == "activate":
        return _management(check(ManageArguments, values), activate)
    asked = check(PinArguments, values)
    operation = change_pin if command == "change-pin" else unblock
    return _management(asked, partial(operation, role=PinRole[asked.pin]))


async def _card_status(setting: Setting) -> Reply:
    return {"readers": await card_status(setting.source)}


async def _prepare_login(_: Setting) -> Reply:
    # Most hosts never need it, and each starts while somebody waits.
    from native_host.messaging.prepare_login import prepare_login

    await prepare_login()
    return {}


def _management(
    arguments: ManageArguments, operation: Callable[..., Awaitable[PinsSet]]
) -> Job:
    async def work(setting: Setting) -> Reply:
        done = await operation(
            Context(setting.source, setting.prompt, setting.progress),
            ManageRequest(language=setting.language, caller=setting.caller),
        )
        return dict(done.fields())

    return Job(work, origin=None, lang=arguments.lang)


def _authentication(
    arguments: WebEidAuthenticateArguments, *, started_by_person: bool
) -> Job:
    async def work(setting: Setting) -> Reply:
        token = await authenticate(
            Context(setting.source, setting.prompt, setting.progress),
            AuthenticateRequest(
                origin=setting.origin,
                challenge_nonce=arguments.challenge_nonce,
                language=setting.language,
                started_by_person=started_by_person,
                caller=setting.caller,
            ),
        )
        return token_fields(token)

    return Job(work, arguments.origin, arguments.lang)


def _certificate(arguments: OriginArguments, *, started_by_person: bool) -> Job:
    async def work(setting: Setting) -> Reply:
        found = await signing_certificate(
            Context(setting.source, setting.prompt, setting.progress),
            CertificateRequest(
                origin=setting.origin,
                language=setting.language,
                started_by_person=started_by_person,
                caller=setting.caller,
            ),
        )
        return certificate_fields(found)

    return Job(work, arguments.origin, arguments.lang)


def _signing(arguments: SignArguments) -> Job:
    async def work(setting: Setting) -> Reply:
        made = await sign(
            Context(setting.source, setting.prompt, setting.progress),
            sign_request(
                arguments,
                origin=setting.origin,
                language=setting.language,
                inbox=setting.inbox,
                caller=setting.caller,
            ),
        )
        return signatures_fields(made)

    return Job(
        work, arguments.origin, arguments.lang, documents=document_headers(arguments)
    )


def _web_eid_signing(arguments: WebEidSignArguments) -> Job:
    async def work(setting: Setting) -> Reply:
        # The protocol has no name for the hash.
        hash_ = HashToSign("", arguments.hash, arguments.hash_function)
        made = await sign(
            Context(setting.source, setting.prompt, setting.progress),
            SignRequest(
                origin=setting.origin,
                language=setting.language,
                hashes=(hash_,),
                certificate=arguments.certificate,
                caller=setting.caller,
            ),
        )
        return web_eid_signature_fields(made)

    return Job(work, arguments.origin, arguments.lang)
