# SPDX-License-Identifier: MIT
"""What may be on the wire between browser and host, as PROTOCOL.md says it.

Unknown fields are refused, and types are not converted.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from native_host.errors import InvalidArgument

__all__ = [
    "AuthenticateArguments",
    "NoArguments",
    "Request",
    "WebEidAuthenticateArguments",
    "WebEidRequest",
    "check",
]

#: A challenge as its base64 text (Web eID: 44 to 128 characters).
ChallengeNonce = Annotated[
    str, Field(min_length=44, max_length=128, pattern=r"^[A-Za-z0-9+/=_-]+$")
]
#: A language tag; what is not spoken falls back (see ``native_host.languages``).
Language = Annotated[
    str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*$")
]
#: The origin is checked by ``native_host.origin``; here it only has to be a text.
OriginText = Annotated[str, Field(max_length=4096)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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


class WebEidAuthenticateArguments(_Model):
    """The arguments of Web eID's ``authenticate``."""

    challengeNonce: ChallengeNonce  # noqa: N815 - the name on the wire
    origin: OriginText
    lang: Language | None = None


class AuthenticateArguments(WebEidAuthenticateArguments):
    """The arguments of our ``authenticate``.

    ``userActivation`` says that a click or key press in the page preceded it.
    """

    userActivation: bool  # noqa: N815 - the name on the wire


M = TypeVar("M", bound=BaseModel)


def check(model: type[M], values: Mapping[str, Any]) -> M:
    """Return ``values`` as a model, else raise ``InvalidArgument``.

    The message names the first field that is wrong and never repeats its value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])[:80]
        raise InvalidArgument(f"{field}: {first['msg']}.") from None
