# SPDX-License-Identifier: MIT
"""What a profile demands of a client and of its requests.

``fapi2`` is the FAPI 2.0 Security Profile (Final), and ``ftn`` the Finnish Trust
Network's OpenID Connect Profile (Traficom 213/2023 S). docs/openid/profiles.md has each
demand with its test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

ProfileName = Literal["default", "fapi2", "ftn"]
RequestAlgorithm = Literal["RS256", "PS256", "ES256"]
EncryptionAlgorithm = Literal["RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A256KW"]

REQUEST_ALGORITHMS: tuple[str, ...] = get_args(RequestAlgorithm)
ENCRYPTION_ALGORITHMS: tuple[str, ...] = get_args(EncryptionAlgorithm)

_FTN = "http://ftn.ficora.fi/2017/"
#: The levels of the Finnish Trust Network, and what each of them satisfies.
_LEVELS = {
    f"{_FTN}loa2": {f"{_FTN}loa2"},
    f"{_FTN}loa3": {f"{_FTN}loa2", f"{_FTN}loa3"},
    f"{_FTN}loatest2": {f"{_FTN}loatest2"},
    f"{_FTN}loatest3": {f"{_FTN}loatest2", f"{_FTN}loatest3"},
}


@dataclass(frozen=True)
class Profile:
    """A row of the table. The defaults demand nothing."""

    #: Keys of the configuration, and the values that they may have.
    settings: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    #: Parameters that each request to log in has.
    parameters: tuple[str, ...] = ()
    #: Algorithms of assertions.
    assertions: tuple[str, ...] = ("RS256", "PS256", "ES256", "ES384")
    #: Only pushed requests (RFC 9126) are taken.
    pushed: bool = False
    #: Access tokens are bound to a key of the client (RFC 9449).
    bound: bool = False
    #: Assertions name the issuer as their audience, as one text.
    issuer_audience: bool = False
    #: Request objects have ``nbf``.
    begins: bool = False
    #: The ID token has the claims too, and requests name service and level.
    finnish: bool = False


PROFILES: dict[ProfileName, Profile] = {
    "default": Profile(),
    "fapi2": Profile(
        settings={
            "authentication": ("private_key_jwt",),
            "algorithm": ("ES256",),
            "request_object_signing_alg": (None, "PS256", "ES256"),
            "userinfo_signed_response_alg": (None, "ES256"),
        },
        assertions=("PS256", "ES256"),
        pushed=True,
        bound=True,
        issuer_audience=True,
        begins=True,
    ),
    "ftn": Profile(
        settings={
            "authentication": ("private_key_jwt",),
            "jwks_uri": (None,),
            "request_object_signing_alg": REQUEST_ALGORITHMS,
            "id_token_encrypted_response_alg": ENCRYPTION_ALGORITHMS,
            "userinfo_encrypted_response_alg": ENCRYPTION_ALGORITHMS,
            "acr": tuple(_LEVELS),
        },
        parameters=("state", "nonce", "acr_values", "ftn_spname"),
        finnish=True,
    ),
}


def violations(profile: ProfileName, settings: object) -> Iterator[str]:
    """Yield a sentence for each key that is not as a client's profile demands."""
    for key, allowed in PROFILES[profile].settings.items():
        if getattr(settings, key) not in allowed:
            values = [each for each in allowed if each is not None]
            needs = f"needs {key} = {_or(values)}" if values else f"takes no {key}"
            yield f"profile {profile} {needs}"


def satisfies(acr: str | None, acr_values: str) -> bool:
    """Return whether a client's level is one of those that a request names."""
    return not {*acr_values.split(" ")}.isdisjoint(_LEVELS.get(acr or "", ()))


def _or(values: list[str]) -> str:
    quoted = [f'"{each}"' for each in values]
    first = ", ".join(quoted[:-1])
    return f"{first} or {quoted[-1]}" if first else quoted[-1]
