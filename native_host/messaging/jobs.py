# SPDX-License-Identifier: MIT
"""From a command and its arguments to the work that it asks for.

Each operation has its place here once: what it is told, and how its result becomes the
fields of the wire. What all of them have in common is in ``operation``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from native_host.card.source import CardSource
from native_host.errors import KortillaError
from native_host.messaging.models import (
    AuthenticateArguments,
    CertificateArguments,
    OriginArguments,
    SignArguments,
    WebEidAuthenticateArguments,
    WebEidSignArguments,
    check,
)
from native_host.messaging.results import (
    Reply,
    certificate_fields,
    signatures_fields,
    web_eid_signature_fields,
)
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.conversation import Report
from native_host.operations.documents import DocumentHeader, DocumentInbox
from native_host.operations.sign import HashToSign, SignRequest, sign
from native_host.operations.signing_certificate import (
    CertificateRequest,
    signing_certificate,
)
from native_host.pin_prompt.prompt import Prompt

__all__ = [
    "Job",
    "Setting",
    "UnknownCommand",
    "document_headers",
    "own_job",
    "sign_request",
    "web_eid_job",
]


class UnknownCommand(KortillaError):
    """The command is not one of PROTOCOL.md's."""

    code = "UNKNOWN_COMMAND"


@dataclass(frozen=True)
class Setting:
    """What a job is done with and for, once its request has been checked."""

    origin: str
    language: str
    source: CardSource
    prompt: Prompt
    progress: Report
    #: Takes the documents that were announced, where there were any.
    inbox: DocumentInbox | None = None


@dataclass(frozen=True)
class Job:
    """What a request asks for. ``work`` returns the fields of its result."""

    arguments: OriginArguments
    work: Callable[[Setting], Awaitable[Reply]]
    documents: tuple[DocumentHeader, ...] = ()


def own_job(command: str, values: Mapping[str, Any]) -> Job:
    """Return the job of a request with an id.

    Raises ``InvalidArgument`` and ``UnknownCommand``, here and below.
    """
    match command:
        case "authenticate":
            login = check(AuthenticateArguments, values)
            return _authentication(login, started_by_person=login.user_activation)
        case "get-signing-certificate":
            asked = check(CertificateArguments, values)
            return _certificate(asked, started_by_person=asked.user_activation)
        case "sign":
            return _signing(check(SignArguments, values))
    raise UnknownCommand("The command is not known.")


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
    raise UnknownCommand("The command is not known.")


def sign_request(
    arguments: SignArguments,
    *,
    origin: str,
    language: str,
    inbox: DocumentInbox | None,
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
    )


def document_headers(arguments: SignArguments) -> tuple[DocumentHeader, ...]:
    """Return the documents that a request announces."""
    return tuple(
        DocumentHeader(each.name, each.media_type, each.size)
        for each in arguments.documents or ()
    )


def _authentication(
    arguments: WebEidAuthenticateArguments, *, started_by_person: bool
) -> Job:
    async def work(setting: Setting) -> Reply:
        return await authenticate(
            AuthenticateRequest(
                origin=setting.origin,
                challenge_nonce=arguments.challenge_nonce,
                language=setting.language,
                started_by_person=started_by_person,
            ),
            source=setting.source,
            prompt=setting.prompt,
            progress=setting.progress,
        )

    return Job(arguments, work)


def _certificate(arguments: OriginArguments, *, started_by_person: bool) -> Job:
    async def work(setting: Setting) -> Reply:
        found = await signing_certificate(
            CertificateRequest(
                origin=setting.origin,
                language=setting.language,
                started_by_person=started_by_person,
            ),
            source=setting.source,
            prompt=setting.prompt,
            progress=setting.progress,
        )
        return certificate_fields(found)

    return Job(arguments, work)


def _signing(arguments: SignArguments) -> Job:
    async def work(setting: Setting) -> Reply:
        made = await sign(
            sign_request(
                arguments,
                origin=setting.origin,
                language=setting.language,
                inbox=setting.inbox,
            ),
            source=setting.source,
            prompt=setting.prompt,
            progress=setting.progress,
        )
        return signatures_fields(made)

    return Job(arguments, work, documents=document_headers(arguments))


def _web_eid_signing(arguments: WebEidSignArguments) -> Job:
    async def work(setting: Setting) -> Reply:
        # The protocol has no name for the hash.
        hash_ = HashToSign("", arguments.hash, arguments.hash_function)
        made = await sign(
            SignRequest(
                origin=setting.origin,
                language=setting.language,
                hashes=(hash_,),
                certificate=arguments.certificate,
            ),
            source=setting.source,
            prompt=setting.prompt,
            progress=setting.progress,
        )
        return web_eid_signature_fields(made)

    return Job(arguments, work)
