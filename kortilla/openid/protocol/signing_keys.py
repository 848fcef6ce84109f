# SPDX-License-Identifier: MIT
"""The keys that sign ID tokens, and the salt of pairwise subjects.

They are one file in JSON that only the provider's user may read. For each algorithm it
has the key that signs now, the next one, which is published already, and the one before
it. So clients that keep the published keys know each key before it is used.

Where a PKCS#11 token has a key (``hardware``), the file has its public
part. The salt is in the file all the same: it needs a backup.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters, KeySet, RSAKey, import_key

from kortilla.common import JsonObject
from kortilla.common.files import write_file
from kortilla.errors import ConfigurationError, StoreUnavailableError

if TYPE_CHECKING:
    from kortilla.openid.protocol.hardware import Token

T = TypeVar("T")

_ALGORITHMS = ("RS256", "ES256")
_AGES = ("previous", "current", "next")
Age = Literal["previous", "current", "next"]
#: Seconds that a token may take for a request's signature.
_SIGNING_SECONDS = 5.0
#: Seconds for which a token that has signed counts as there.
_PROVED_SECONDS = 1.0

SigningKey = RSAKey | ECKey


@dataclass(frozen=True)
class Keys:
    """The content of the file. ``signing`` is by algorithm and age."""

    salt: bytes
    signing: dict[tuple[str, str], SigningKey]

    @classmethod
    def create(cls, token: "Token | None" = None) -> Self:
        """Make new keys, in the token if there is one, and a new salt."""
        return cls(
            secrets.token_bytes(32),
            {
                (algorithm, age): _generate(algorithm, token)
                for algorithm in _ALGORITHMS
                for age in _AGES[1:]
            },
        )

    def rotated(self, token: "Token | None" = None) -> "Keys":
        """Return the keys after the next ones have become the current ones.

        The new next ones are made in the token, if there is one.
        """
        signing: dict[tuple[str, str], SigningKey] = {}
        for algorithm in _ALGORITHMS:
            signing[algorithm, "previous"] = self.signing[algorithm, "current"]
            signing[algorithm, "current"] = self.signing[algorithm, "next"]
            signing[algorithm, "next"] = _generate(algorithm, token)
        return Keys(self.salt, signing)

    def current(self, algorithm: str) -> SigningKey:
        """Return the key that signs with an algorithm."""
        return self.signing[algorithm, "current"]

    def in_token(self) -> set[str]:
        """Return the ids of the keys that a token has."""
        keys = self.signing.values()
        return {str(key.kid) for key in keys if "d" not in key.dict_value}

    def public(self) -> JsonObject:
        """Return the published JWK set: only the public keys."""
        keys = [
            {**key.as_dict(private=False), "alg": algorithm, "use": "sig"}
            for (algorithm, _), key in self.signing.items()
        ]
        return {"keys": keys}

    def verifying(self) -> KeySet:
        """Return the keys that verify what this provider has signed."""
        return KeySet.import_key_set({"keys": self.public()["keys"]})

    def pairwise(self, sector: str, satu: str) -> str:
        """Return a person's subject for a sector (OpenID Connect Core §8.1)."""
        text = f"{len(sector)}:{sector}:{satu}".encode()
        digest = hmac.new(self.salt, text, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @property
    def pseudonym_key(self) -> bytes:
        """The key of the pseudonyms that stand for persons in events."""
        return hmac.new(self.salt, b"kortilla openid events", hashlib.sha256).digest()

    def to_json(self) -> str:
        """Return the file's content."""
        content = {
            "salt": base64.b64encode(self.salt).decode(),
            "keys": [
                {**key.dict_value, "alg": algorithm, "age": age}
                for (algorithm, age), key in self.signing.items()
            ],
        }
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, token: "Token | None" = None) -> Self:
        """Read the file's content. Raises ``ValueError``, which quotes none of it."""
        try:
            content = json.loads(text)
            signing = {
                (each["alg"], each["age"]): _key(each, token)
                for each in content["keys"]
            }
            keys = cls(base64.b64decode(content["salt"], validate=True), signing)
            for algorithm in _ALGORITHMS:
                for age in _AGES[1:]:
                    _ = keys.signing[algorithm, age]
            if len(keys.salt) < 32:
                raise ValueError("short")
        except (JoseError, KeyError, TypeError, ValueError):
            raise ValueError("it is not a file of keys") from None
        return keys


class KeyFile:
    """The file, which is read again when it has changed.

    ``token`` is the PKCS#11 token that has its keys, or some of them.
    """

    def __init__(self, path: Path, token: "Token | None" = None) -> None:
        self.path = path
        self.token = token
        # One thread: a session of a token does one thing at a time.
        self._thread = ThreadPoolExecutor(1, "kortilla-token") if token else None
        self._proved = -_PROVED_SECONDS
        self._stamp: tuple[int, int, int] | None = None
        self._keys: Keys | None = None

    def read(self) -> Keys:
        """Return the keys. Raises ``ConfigurationError``.

        A file that has become unreadable is reported by ``check``; until it is fixed
        the keys that were read before stay in use.
        """
        try:
            return self.check()
        except ConfigurationError:
            if self._keys is None:
                raise
            return self._keys

    def check(self, *, signing: bool = True) -> Keys:
        """Read the file if it has changed. Raises ``ConfigurationError``.

        With ``signing``, also where its current keys are in a token, and there is none.
        """
        try:
            status = self.path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_mode)
            if self._keys is None or stamp != self._stamp:
                if status.st_mode & 0o077:
                    raise ConfigurationError(
                        f"{self.path}: others may read it: chmod 600."
                    )
                text = self.path.read_text(encoding="utf-8")
                keys = Keys.from_json(text, self.token)
                if not signing:
                    return keys
                if not all(keys.current(each).is_private for each in _ALGORITHMS):
                    raise ValueError("a token has its keys, and there is no [pkcs11]")
                self._keys, self._stamp = keys, stamp
        except OSError as error:
            raise ConfigurationError(
                f"{self.path}: {error.strerror}. `kortilla-server openid init` makes "
                "the file."
            ) from None
        except ValueError as error:
            raise ConfigurationError(f"{self.path}: {error}.") from None
        return self._keys

    def check_signing(self) -> None:
        """Check the file, and that the token signs with each key that it needs.

        Raises ``ConfigurationError`` and ``StoreUnavailableError``.
        """
        self._prove(self.check(), ("current", "next"))

    async def ready(self) -> None:
        """Check that the token signs now. Raises ``StoreUnavailableError``."""
        if self._thread is not None and self._is_unproved():
            await self.run(self._prove_current)

    def _prove_current(self) -> None:
        # Others that came at the same time have waited for the first one's proof.
        if self._is_unproved():
            self._prove(self.read(), ("current",))
            self._proved = time.monotonic()

    def _is_unproved(self) -> bool:
        return time.monotonic() >= self._proved + _PROVED_SECONDS

    @staticmethod
    def _prove(keys: Keys, ages: Iterable[Age]) -> None:
        """Sign with the token's keys, and verify that with the published ones."""
        for algorithm in _ALGORITHMS:
            for age in ages:
                key = keys.signing[algorithm, age]
                if str(key.kid) not in keys.in_token() or not key.is_private:
                    continue
                try:
                    signed = jwt.encode({"alg": algorithm}, {}, key, [algorithm])
                    jwt.decode(signed, key, [algorithm])
                except JoseError:
                    raise StoreUnavailableError(
                        f"the token's key {key.kid} is not the one in the file"
                    ) from None

    async def run(self, call: Callable[[], T]) -> T:
        """Call what signs, in a thread where a token does it.

        Raises ``StoreUnavailableError`` where the token can't, or takes too long.
        """
        if self._thread is None:
            return call()
        future = asyncio.get_running_loop().run_in_executor(self._thread, call)
        try:
            return await asyncio.wait_for(future, _SIGNING_SECONDS)
        except TimeoutError:
            raise StoreUnavailableError("the token takes too long to sign") from None

    async def close(self) -> None:
        """End the token's session. Another call begins one again."""
        if self.token is not None:
            with contextlib.suppress(StoreUnavailableError):
                await self.run(self.token.close)

    def rotate(self) -> Keys:
        """Write new keys, whose current ones are the next ones of the old.

        What a token has, and nothing needs any more, is destroyed there. Raises
        ``ConfigurationError`` and ``StoreUnavailableError``.
        """
        before = self.check(signing=False)
        after = before.rotated(self.token)
        useless = before.in_token() - after.in_token()
        try:
            self.write(after)
        except OSError:
            useless = after.in_token() - before.in_token()
            raise
        finally:
            if self.token is not None:
                self.token.destroy(useless)
        return after

    def write(self, keys: Keys) -> None:
        """Replace the file at once; only its owner can read it."""
        replace_file(self.path, keys.to_json(), mode=0o600)


def replace_file(file: Path, content: str, *, mode: int | None = None) -> None:
    """Replace a file at once; nobody else reads it in between.

    It keeps its owner, and its mode unless another is given. Only the owner can read a
    new file.
    """
    if mode is None:
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    write_file(file, content.encode(), mode=mode)


def _generate(algorithm: str, token: "Token | None") -> SigningKey:
    if token is not None:
        return token.generate(algorithm)
    parameters: KeyParameters = {"kid": secrets.token_urlsafe(9)}
    if algorithm == "RS256":
        return RSAKey.generate_key(2048, parameters)
    return ECKey.generate_key("P-256", parameters)


def _key(content: JsonObject, token: "Token | None") -> SigningKey:
    own = {name: value for name, value in content.items() if name not in {"alg", "age"}}
    key = import_key(own)
    wanted = RSAKey if content["alg"] == "RS256" else ECKey
    if not isinstance(key, wanted) or not key.kid:
        raise ValueError("another kind of key")
    # Without a token it verifies, and signs nothing.
    return key if key.is_private or token is None else token.key(own)
