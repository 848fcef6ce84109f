# SPDX-License-Identifier: MIT
"""Tokens that clients sign, and tokens that are encrypted for them."""

from collections.abc import Iterable

from joserfc import jwe, jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from joserfc.jws import JWSRegistry

from kortilla.openid.clients.authorization import RefusedError
from kortilla.openid.clients.profiles import ENCRYPTION_ALGORITHMS, REQUEST_ALGORITHMS

#: What joserfc and Authlib raise for text from a request: a JOSE header of other types
#: is a ``TypeError``, and JSON of great depth a ``RecursionError``.
MALFORMED = (JoseError, ValueError, TypeError, RecursionError)

#: How the content of encrypted tokens is encrypted.
CONTENT_ENCRYPTION = "A256GCM"
#: What proofs of keys (DPoP) are signed by.
PROOF_ALGORITHMS = ("ES256", "PS256")

#: What the discovery document says of it.
METADATA = {
    "id_token_encryption_alg_values_supported": [*ENCRYPTION_ALGORITHMS],
    "id_token_encryption_enc_values_supported": [CONTENT_ENCRYPTION],
    "userinfo_signing_alg_values_supported": ["RS256", "ES256"],
    "userinfo_encryption_alg_values_supported": [*ENCRYPTION_ALGORITHMS],
    "userinfo_encryption_enc_values_supported": [CONTENT_ENCRYPTION],
    "request_object_signing_alg_values_supported": [*REQUEST_ALGORITHMS],
    "dpop_signing_alg_values_supported": [*PROOF_ALGORITHMS],
}

#: Header parameters that change what a token is: a list of extensions, a payload that
#: is not encoded, and a token in the token.
_REFUSED = ("crit", "b64", "cty")


class Registry(JWSRegistry):
    """The algorithms of a token. A proof's header may have an RSA key of 4096 bits."""

    max_header_length = 2048


def verify(
    token: str, keys: Key | KeySet, algorithms: Iterable[str], *, types: Iterable[str]
) -> jwt.Token:
    """Return a JWT whose signature one of the keys verifies.

    ``types`` are the values that ``typ`` may have, in lower case, or "" if it may be
    left out. Raises ``ValueError``.
    """
    try:
        found = jwt.decode(token, keys, registry=Registry(algorithms=[*algorithms]))
        kind = found.header.get("typ", "")
        if kind.lower().removeprefix("application/") not in types:
            raise ValueError("another type")
        if any(name in found.header for name in _REFUSED):
            raise ValueError("an unknown extension")
    except (*MALFORMED, AttributeError):
        raise ValueError("no valid token") from None
    return found


def kid_of(token: str) -> str | None:
    """Return the ``kid`` of a token. Nothing is verified."""
    try:
        kid = jws.extract_compact(token.encode(), registry=Registry()).headers()["kid"]
    except (*MALFORMED, KeyError):
        return None
    return kid if isinstance(kid, str) else None


def signing_keys(keys: KeySet | None) -> KeySet:
    """Return the keys of a client that may verify its signatures."""
    return KeySet([each for each in keys or () if each.get("use") != "enc"])


def encryption_key(keys: KeySet | None, algorithm: str) -> ECKey | RSAKey | None:
    """Return the first key of a client that a token is encrypted for, if it has one."""
    kind = RSAKey if algorithm.startswith("RSA") else ECKey
    for key in keys or ():
        wanted = key.get("use") == "enc" and key.get("alg") in (None, algorithm)
        if wanted and isinstance(key, kind):
            return key
    return None


def encrypted(token: str, keys: KeySet | None, algorithm: str | None) -> str:
    """Return a signed token, encrypted if the client wants that (RFC 7519 §5.2).

    Raises ``RefusedError``.
    """
    if algorithm is None:
        return token
    key = encryption_key(keys, algorithm)
    if key is None:  # the client's keys have changed since the start
        raise RefusedError(
            "invalid_client", f"The client has no key to encrypt for by {algorithm}"
        )
    header = {"alg": algorithm, "enc": CONTENT_ENCRYPTION, "cty": "JWT"}
    if key.kid:
        header["kid"] = key.kid
    return jwe.encrypt_compact(
        header, token, key, algorithms=[algorithm, CONTENT_ENCRYPTION]
    )
