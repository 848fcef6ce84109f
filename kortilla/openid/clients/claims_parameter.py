# SPDX-License-Identifier: MIT
"""The parameter ``claims`` of a request to log in (OpenID Connect Core §5.5)."""

from dataclasses import dataclass

from kortilla.common import JsonObject
from kortilla.openid.settings import CLAIMS
from kortilla.validation.untrusted import load_json

#: What ``userinfo`` may ask for by name.
_NAMES = {*CLAIMS, "email", "email_verified"}


@dataclass(frozen=True)
class Wanted:
    """What a client asks for: names of userinfo, a subject, and levels.

    Each is empty, or a text with spaces between several.
    """

    claims: str = ""
    subject: str = ""
    levels: str = ""

    @classmethod
    def read(cls, text: str) -> "Wanted":
        """Read the parameter, and drop what this provider does not know.

        Raises ``ValueError``, which quotes no part of it.
        """
        content = load_json(text)
        if not isinstance(content, dict):
            raise ValueError("not an object")  # noqa: TRY004 - of any JSON
        userinfo = _requests(content.get("userinfo"))
        id_token = _requests(content.get("id_token"))
        names = [name for name in _NAMES if name in userinfo]
        levels = _values(id_token.get("acr"))
        essential = id_token.get("acr", {}).get("essential") is True
        # In either place: userinfo has the same subject.
        subjects = {
            each for asked in (userinfo, id_token) for each in _values(asked.get("sub"))
        }
        if len(subjects) > 1:
            raise ValueError("several subjects")
        return cls(
            " ".join(sorted(names)),
            "".join(subjects),
            " ".join(levels) if essential else "",
        )


def _requests(member: object) -> dict[str, JsonObject]:
    """Return the requests of one place by name; null is one without conditions."""
    if member is None:
        return {}
    if not isinstance(member, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of any JSON
    for request in member.values():
        if request is not None and not isinstance(request, dict):
            raise ValueError("not a request")
    return {name: request or {} for name, request in member.items()}


def _values(request: JsonObject | None) -> list[str]:
    """Return the values that a request accepts; empty if it accepts any."""
    request = request or {}
    values = request.get("values", [request["value"]] if "value" in request else [])
    if not isinstance(values, list) or not all(
        isinstance(each, str) and each and " " not in each for each in values
    ):
        raise ValueError("not a list of texts")
    return values
