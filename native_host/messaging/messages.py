# SPDX-License-Identifier: MIT
"""What the browser may send: the forms of requests and of their arguments.

PROTOCOL.md defines the messages. Unknown fields are refused, and types are not
converted. On the wire the names of the fields are written in camel case.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from kortilla.common import JsonObject
from native_host.card.signature import HASH_SIZES, KeyType, Padding
from native_host.errors import InvalidArgumentError
from native_host.operations.documents import (
    MAX_CHUNK,
    MAX_DOCUMENTS,
    MAX_NAME,
    MAX_TOTAL_SIZE,
    DocumentInbox,
)
from native_host.operations.request import Context
from native_host.operations.results import Reply
from native_host.texts.language import LANGUAGE_TAG

#: Bytes that a certificate may have; those of real cards have less than 2048.
_MAX_CERTIFICATE = 8192


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{message}", {"message": message})


def _decode(text: object) -> bytes:
    """Take base64 in its one spelling, so that no two texts mean the same bytes."""
    try:
        if isinstance(text, str):
            data = base64.b64decode(text, validate=True)
            if base64.b64encode(data).decode() == text:
                return data
    except ValueError:
        pass
    raise _wrong("It is not base64")


def _known_hash_function(name: str) -> str:
    if name not in HASH_SIZES:
        raise _wrong(f"It is not one of {', '.join(HASH_SIZES)}")
    return name


#: A challenge as its base64 text (Web eID: 44 to 128 characters).
ChallengeNonce = Annotated[
    str, Field(min_length=44, max_length=128, pattern=r"^[A-Za-z0-9+/=_-]+$")
]
#: Web eID's language may be anything. What names none is as if it were not there.
AnyLanguage = Annotated[
    str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)
]
#: A language tag; what is not spoken falls back (see ``native_host.texts.language``).
Language = Annotated[str, Field(max_length=35, pattern=LANGUAGE_TAG)]
#: ``check_origin`` checks the origin; here it only has to be a text.
OriginText = Annotated[str, Field(max_length=4096)]
Base64 = Annotated[bytes, BeforeValidator(_decode)]
Certificate = Annotated[Base64, Field(min_length=1, max_length=_MAX_CERTIFICATE)]
HashFunction = Annotated[str, AfterValidator(_known_hash_function)]
#: Any characters but those that are none; they are shown escaped where they could lie.
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
MediaType = Annotated[
    str, Field(max_length=127, pattern=r"^[A-Za-z0-9_.+-]+/[A-Za-z0-9_.+-]+$")
]
Index = Annotated[int, Field(ge=0)]


class Model(BaseModel):
    """The form of all messages: exact types, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True
    )


class Request(Model):
    """Our own request: it carries an id, which every answer repeats."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    command: Annotated[str, Field(max_length=64)]
    arguments: JsonObject = Field(default_factory=dict)


class WebEidRequest(Model):
    """A request of Web eID's: no id, one reply."""

    command: Annotated[str, Field(max_length=64)]
    arguments: JsonObject


class NoArguments(Model):
    """The arguments of a command that takes none."""


class OriginArguments(Model):
    """Who asks, and in which language: the arguments of every operation.

    These alone are the arguments of Web eID's ``get-signing-certificate``.
    """

    origin: OriginText
    lang: AnyLanguage = None

    @property
    def started_by_person(self) -> bool:
        """Whether a click in the page preceded it. Web eID's requests do not tell."""
        return True


class _OwnArguments(Model):
    """The arguments that our own protocol adds to those of all operations.

    ``user_activation`` says that a click or key press in the page preceded it.
    """

    lang: Language | None = None
    user_activation: bool

    @property
    def started_by_person(self) -> bool:
        """Whether a click in the page preceded it, as the extension says."""
        return self.user_activation


class WebEidAuthenticateArguments(OriginArguments):
    challenge_nonce: ChallengeNonce


class AuthenticateArguments(_OwnArguments, WebEidAuthenticateArguments):
    """The arguments of our ``authenticate``."""


class CertificateArguments(_OwnArguments, OriginArguments):
    """The arguments of our ``get-signing-certificate``.

    ``identified_by`` is the SHA-256 of the authentication certificate that the page
    got by a login before.
    """

    identified_by: Annotated[Base64, Field(min_length=32, max_length=32)] | None = None


class _Hash(Model):
    hash: Base64
    hash_function: HashFunction


class WebEidSignArguments(OriginArguments, _Hash):
    certificate: Certificate


class HashArgument(_Hash):
    name: Name


class DocumentArgument(Model):
    """A document whose bytes follow in chunks; ``size`` is in bytes."""

    name: Name
    media_type: MediaType
    size: Annotated[int, Field(ge=0, le=MAX_TOTAL_SIZE)]


class SignArguments(_OwnArguments, OriginArguments):
    """The arguments of our ``sign``: documents, or else hashes.

    ``hash_function`` is for documents; a hash has its own.
    """

    documents: Annotated[
        list[DocumentArgument] | None, Field(min_length=1, max_length=MAX_DOCUMENTS)
    ] = None
    hashes: Annotated[
        list[HashArgument] | None, Field(min_length=1, max_length=MAX_DOCUMENTS)
    ] = None
    hash_function: HashFunction | None = None
    certificate: Certificate | None = None
    crypto_algorithm: Annotated[KeyType | None, Field(strict=False)] = None
    padding_scheme: Annotated[Padding | None, Field(strict=False)] = None

    @model_validator(mode="after")
    def _check_padding(self) -> Self:
        # The rest of what must fit together is checked by `SignRequest` and the inbox.
        if self.padding_scheme is not None and (
            self.padding_scheme is Padding.NONE or self.crypto_algorithm is KeyType.ECC
        ):
            raise _wrong("paddingScheme is PKCS1.5 or PSS, and for RSA alone")
        return self


class ChunkArguments(Model):
    """A piece of a document: the ``number``-th of the ``document``-th, from 0."""

    document: Index
    number: Index
    data: Annotated[Base64, Field(min_length=1, max_length=MAX_CHUNK)]


M = TypeVar("M", bound=BaseModel)


def check(model: type[M], values: Mapping[str, object]) -> M:
    """Return ``values`` as a model, else raise ``InvalidArgumentError``.

    The message names the first field that is wrong and never repeats its value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:80]
        prefix = f"{field}: " if field else ""
        raise InvalidArgumentError(f"{prefix}{first['msg']}.") from None


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
Run = Callable[[Any, Any], Awaitable[Reply]]
