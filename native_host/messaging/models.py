# SPDX-License-Identifier: MIT
"""What the browser may send to the host, as PROTOCOL.md defines it.

Unknown fields are refused, and types are not converted. On the wire the names of the
fields are written in camel case.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

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

from native_host.card.signature import HASH_SIZES, KeyType, Padding
from native_host.errors import InvalidArgumentError
from native_host.install.tables import Family
from native_host.languages import LANGUAGE_TAG
from native_host.operations.documents import (
    MAX_CHUNK,
    MAX_DOCUMENTS,
    MAX_NAME,
    MAX_TOTAL_SIZE,
    check_names,
)

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
    str | None,
    BeforeValidator(lambda value: value if isinstance(value, str) else None),
]
#: A language tag; what is not spoken falls back (see ``native_host.languages``).
Language = Annotated[str, Field(max_length=35, pattern=LANGUAGE_TAG)]
#: The origin is checked by ``native_host.origin``; here it only has to be a text.
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


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True
    )


class Request(_Model):
    """Our own request: it carries an id, which every answer repeats."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    command: Annotated[str, Field(max_length=64)]
    arguments: dict[str, Any] = Field(default_factory=dict)


class WebEidRequest(_Model):
    """A request of Web eID's: no id, one reply."""

    command: Annotated[str, Field(max_length=64)]
    arguments: dict[str, Any]


class NoArguments(_Model):
    """The arguments of a command that takes none."""


class OwnPageArguments(_Model):
    """Which page asks (see ``extension_page_guard``).

    These alone are the arguments of ``card-status``, ``open-window``,
    ``prepare-login``, ``token-status`` and ``wait-for-card``.
    """

    page: str

    @property
    def family(self) -> Family:
        """The browser's family, of a page that was checked."""
        is_chromium = self.page.startswith("chrome-extension:")
        return "chromium" if is_chromium else "firefox"


class ManageArguments(OwnPageArguments):
    """The arguments of ``activate`` and ``self-check``."""

    lang: Language | None = None


class PinArguments(ManageArguments):
    """The arguments of ``change-pin`` and ``unblock``."""

    pin: Literal["PIN1", "PIN2"]


class SwitchArguments(OwnPageArguments):
    """The arguments of ``token-switch``."""

    on: bool


class MendArguments(OwnPageArguments):
    """The arguments of ``mend``: a finding's code.

    ``confirmed`` says that the person wants it although a browser is open.
    """

    code: Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Z0-9_]*$")]
    confirmed: bool = False


class OriginArguments(_Model):
    """Who asks, and in which language: the arguments of every operation.

    These alone are the arguments of Web eID's ``get-signing-certificate``.
    """

    origin: OriginText
    lang: AnyLanguage = None

    @property
    def started_by_person(self) -> bool:
        """Whether a click in the page preceded it. Web eID's requests do not tell."""
        return True


class _OwnArguments(_Model):
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
    """The arguments of Web eID's ``authenticate``."""

    challenge_nonce: ChallengeNonce


class AuthenticateArguments(_OwnArguments, WebEidAuthenticateArguments):
    """The arguments of our ``authenticate``."""


class CertificateArguments(_OwnArguments, OriginArguments):
    """The arguments of our ``get-signing-certificate``.

    ``identified_by`` is the SHA-256 of the authentication certificate that the page
    got by a login before.
    """

    identified_by: Annotated[Base64, Field(min_length=32, max_length=32)] | None = None


class _Hash(_Model):
    hash: Base64
    hash_function: HashFunction

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        size = HASH_SIZES[self.hash_function]
        if len(self.hash) != size:
            raise _wrong(f"A hash of {self.hash_function} has {size} bytes")
        return self


class WebEidSignArguments(OriginArguments, _Hash):
    """The arguments of Web eID's ``sign``."""

    certificate: Certificate


class HashArgument(_Hash):
    """A hash that the page computed, and its name for it."""

    name: Name


class DocumentArgument(_Model):
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
    def _check_together(self) -> Self:
        if (self.documents is None) == (self.hashes is None):
            raise _wrong("There must be either documents or hashes")
        if self.hashes is not None and self.hash_function is not None:
            raise _wrong("hashFunction is for documents; each of the hashes has its")
        if self.padding_scheme is not None and (
            self.padding_scheme is Padding.NONE or self.crypto_algorithm is KeyType.ECC
        ):
            raise _wrong("paddingScheme is PKCS1.5 or PSS, and for RSA alone")
        if sum(each.size for each in self.documents or ()) > MAX_TOTAL_SIZE:
            raise _wrong(f"The documents have more than {MAX_TOTAL_SIZE} bytes")
        check_names([each.name for each in self.documents or self.hashes or ()])
        return self


class ChunkArguments(_Model):
    """A piece of a document: the ``number``-th of the ``document``-th, from 0."""

    document: Index
    number: Index
    data: Annotated[Base64, Field(min_length=1, max_length=MAX_CHUNK)]


M = TypeVar("M", bound=BaseModel)


def check(model: type[M], values: Mapping[str, Any]) -> M:
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
