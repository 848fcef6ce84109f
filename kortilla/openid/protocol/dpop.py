# SPDX-License-Identifier: MIT
"""Proofs that a client has the key of its access token (DPoP, RFC 9449).

There is no nonce of the server (§8): a proof is good for two minutes, and once.
"""

import base64
import hashlib
import warnings
from dataclasses import dataclass
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey, import_key

from kortilla.common import JsonObject
from kortilla.openid.clients.authorization import RefusedError
from kortilla.openid.clients.tokens import MALFORMED, PROOF_ALGORITHMS, Registry, verify
from kortilla.openid.protocol.protocol import Protocol
from kortilla.openid.protocol.store import ProviderStore
from kortilla.web.http import Request

#: How far the client's clock may be off.
LEEWAY = 60
#: How long a proof's jti is kept.
PROOF_SECONDS = 2 * LEEWAY + 10
#: Bits of an RSA key. Longer ones take long to verify.
_RSA_BITS = range(2048, 4097)


@dataclass(frozen=True)
class Proof:
    """The thumbprint of the key (RFC 7638), and what a second use is known by."""

    thumbprint: str
    mark: str


async def proved(
    request: Request,
    store: ProviderStore,
    protocol: Protocol,
    *,
    access_token: str | None = None,
) -> str | None:
    """Return the thumbprint of the key that a request proves, by a proof that is new.

    None if it has no proof. Raises ``RefusedError``.
    """
    proof = proof_of(request, protocol.issuer, protocol.clock(), access_token)
    if proof is None:
        return None
    if not await store.add("dpop", proof.mark, seconds=PROOF_SECONDS):
        raise refused("DPoP was used before", access_token)
    return proof.thumbprint


def proof_of(
    request: Request, issuer: str, now: float, access_token: str | None = None
) -> Proof | None:
    """Return the proof in a request to an endpoint of ours, if there is one (§4.3).

    ``now`` is in seconds since 1970. With an access token, the proof is for it (§7).
    Raises ``RefusedError``.
    """
    found = request.headers.all("DPoP")
    if not found:
        return None
    url = f"{issuer}{request.path}"
    problem = "DPoP is repeated"
    if len(found) == 1:
        try:
            key = _key(found[0])
            claims = verify(found[0], key, PROOF_ALGORITHMS, types=("dpop+jwt",)).claims
        except ValueError:
            problem = (
                f"DPoP is no proof by {' or '.join(PROOF_ALGORITHMS)} and its own key"
            )
        else:
            problem = _problem(claims, request.method, url, now, access_token)
    if problem:
        raise refused(problem, access_token)
    thumbprint = key.thumbprint()
    return Proof(thumbprint, f"{thumbprint} {claims['jti']}")


def refused(description: str, access_token: str | None = None) -> RefusedError:
    """Return the error of §5 or, at a resource, of §7.1."""
    if access_token is None:
        return RefusedError("invalid_dpop_proof", description)
    challenge = f'DPoP error="invalid_dpop_proof", algs="{" ".join(PROOF_ALGORITHMS)}"'
    return RefusedError(
        "invalid_dpop_proof",
        description,
        status=401,
        headers=[("WWW-Authenticate", challenge)],
    )


def _problem(
    claims: JsonObject, method: str, url: str, now: float, access_token: str | None
) -> str:
    """Return what is wrong with the claims of a proof."""
    jti, at = claims.get("jti"), claims.get("iat")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
        return "jti in DPoP is not a text of 1 to 256"
    if type(at) is not int or abs(int(now) - at) > LEEWAY:
        return "iat in DPoP is not now: compare the clocks"
    if claims.get("htm") != method:
        return "htm in DPoP is another method"
    if _place(claims.get("htu")) != _place(url):
        return f"htu in DPoP is not {url}"
    if access_token is not None and claims.get("ath") != _hash(access_token):
        return "ath in DPoP is not the hash of the access token"
    return ""


def _key(text: str) -> ECKey | RSAKey:
    """Return the public key in a proof's header. Raises ``ValueError``."""
    try:
        header = jws.extract_compact(text.encode(), registry=Registry()).headers()
        with warnings.catch_warnings():
            # Of short RSA keys, which are refused below.
            warnings.simplefilter("ignore", SecurityWarning)
            key = import_key(header["jwk"])
    except (*MALFORMED, KeyError):
        raise ValueError("no key") from None
    if isinstance(key, RSAKey) and not key.is_private:
        if key.public_key.key_size in _RSA_BITS:
            return key
    elif isinstance(key, ECKey) and not key.is_private:
        return key
    raise ValueError("another kind of key")


def _place(url: object) -> tuple[object, ...]:
    """Return a URL without what does not count: query, fragment, a usual port."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname, port, parts.path or "/"
    except ValueError:
        return ()


def _hash(token: str) -> str:
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
