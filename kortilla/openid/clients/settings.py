# SPDX-License-Identifier: MIT
"""The provider's configuration: one TOML file, checked completely when it is read.

Paths in it are relative to its folder. docs/openid/configuration.md lists the keys.
"""

import hashlib
import ipaddress
import logging
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from kortilla.common import JsonObject
from kortilla.common.origin import check_origin
from kortilla.errors import ConfigurationError
from kortilla.openid.clients.profiles import (
    EncryptionAlgorithm,
    ProfileName,
    RequestAlgorithm,
    violations,
)
from kortilla.revocation import By

logger = logging.getLogger(__name__)

Language = Literal["fi", "sv", "en"]
ClientAuthentication = Literal[
    "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
]

#: What a client may get beside ``sub``, and the scope that asks for it.
CLAIMS = {
    "name": "profile",
    "given_name": "profile",
    "family_name": "profile",
    "preferred_username": "profile",
    "urn:oid:1.2.246.22": "openid",  # the SATU
    "urn:oid:2.5.4.4": "openid",  # the surname, as Finnish brokers name it
    "urn:oid:1.2.246.575.1.14": "openid",  # the given names
}

#: Characters of an address, which each request names and each login keeps.
LONGEST_URI = 1024
#: Characters of a secret that is written as it is; ``client add`` makes 43.
_SHORTEST_SECRET = 32
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")
_NETLOC = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")
#: Parameters that the provider adds to a redirect URI (RFC 6749 §4.1.2, RFC 9207).
_ADDED = {"code", "state", "iss", "error", "error_description", "error_uri"}
_EMAIL = re.compile(r"[^@\s]*\{sub\}[^@\s]*@[a-z0-9.-]+")
#: The levels that a test card can have: the Finnish Trust Network's, and our own.
_TEST_LEVEL = re.compile(
    r"http://ftn\.ficora\.fi/\d+/loatest[23]|urn:kortilla:acr:test"
)
#: Our own levels, which follow from the trust.
_OWN_LEVEL = "urn:kortilla:acr:"


def hash_secret(secret: str) -> str:
    """Return how the configuration keeps a client's secret."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _url(text: str) -> str:
    """Check a URL that a browser is sent to. It is compared as it is written."""
    if len(text) > LONGEST_URI:
        raise ValueError(f"is longer than {LONGEST_URI} characters")
    # Browsers read a backslash as a slash.
    if not re.fullmatch(r"[!-~]+", text) or set(text) & set('\\"<>^`{|}'):
        raise ValueError("has characters that no URL has")
    parts = urlsplit(text)
    if "#" in text:
        raise ValueError("has a fragment")
    if not _NETLOC.fullmatch(parts.netloc):
        raise ValueError("is not a URL with a host alone")
    _ = parts.port  # raises ValueError
    if parts.scheme != "https" and not (
        parts.scheme == "http" and _is_loopback(parts.hostname)
    ):
        raise ValueError("is not https (http is for this computer alone)")
    return text


def _redirect_uri(text: str) -> str:
    """Check a URL whose query gets the answer, which encodes the query anew."""
    query = urlsplit(_url(text)).query
    pairs = parse_qsl(query, keep_blank_values=True)
    if _ADDED & {name for name, _ in pairs}:
        raise ValueError(f"has one of {', '.join(sorted(_ADDED))} in its query")
    if urlencode(pairs) != query:
        raise ValueError("has a query that would come back in another form")
    return text


def _secret(text: str) -> str:
    if match := _DIGEST.fullmatch(text):
        return match[0]
    if text.startswith("sha256:"):
        raise ValueError("is not sha256: and 64 hexadecimal digits")
    if len(text) < _SHORTEST_SECRET:
        raise ValueError(f"is shorter than {_SHORTEST_SECRET} characters")
    if not _UNRESERVED.fullmatch(text):  # clients disagree on how to encode others
        raise ValueError("has other characters than A-Z a-z 0-9 . _ ~ -")
    return hash_secret(text)


def _claim(text: str) -> str:
    if text not in CLAIMS:
        raise ValueError(f"is none of {', '.join(CLAIMS)}")
    return text


Url = Annotated[str, AfterValidator(_url)]
RedirectUri = Annotated[str, AfterValidator(_redirect_uri)]
Secret = Annotated[str, AfterValidator(_secret)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Texts(_Model):
    """One text in the three languages."""

    fi: str = Field(min_length=1)
    sv: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def of(self, language: Language) -> str:
        """Return the text in a language."""
        text: str = getattr(self, language)
        return text


class ClientSettings(_Model):
    """A service that may have people log in.

    ``secrets`` are kept as digests; two allow an exchange. ``jwks_file`` has the public
    keys of ``private_key_jwt``, or ``jwks_uri`` is where they are fetched. ``sector``
    is what pairwise subjects are made for.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9._~-]{1,64}$")
    name: Texts
    redirect_uris: list[RedirectUri] = Field(min_length=1)
    post_logout_redirect_uris: list[Url] = []
    authentication: ClientAuthentication = "client_secret_basic"
    profile: ProfileName = "default"
    secrets: list[Secret] = Field(default=[], max_length=2)
    jwks_file: str | None = None
    jwks_uri: Url | None = None
    backchannel_logout_uri: Url | None = None
    allow_private_addresses: bool = False
    origins: list[Annotated[str, AfterValidator(check_origin)]] = []
    algorithm: Literal["RS256", "ES256"] = "RS256"
    request_object_signing_alg: RequestAlgorithm | None = None
    id_token_encrypted_response_alg: EncryptionAlgorithm | None = None
    userinfo_signed_response_alg: Literal["RS256", "ES256"] | None = None
    userinfo_encrypted_response_alg: EncryptionAlgorithm | None = None
    subject: Literal["pairwise", "public"] = "pairwise"
    sector: str = Field(default="", max_length=253)
    claims: list[Annotated[str, AfterValidator(_claim)]] = []
    email: str | None = None
    acr: str | None = Field(default=None, pattern=r"^[!-~]{1,255}$")

    @field_validator("email")
    @classmethod
    def _check_email(cls, text: str | None) -> str | None:
        if text is not None and not _EMAIL.fullmatch(text):
            raise ValueError("is not like {sub}@example.invalid")
        return text

    @model_validator(mode="after")
    def _check_authentication(self) -> Self:
        by_key = self.authentication == "private_key_jwt"
        keys = [each for each in (self.jwks_file, self.jwks_uri) if each is not None]
        if self.authentication == "none":
            if keys or self.secrets or self.key_uses():
                raise ValueError(
                    "none is for clients without secrets and keys, which signed "
                    "requests and encrypted answers need"
                )
            return self
        if self.origins:
            raise ValueError('origins are for public clients: authentication = "none"')
        if by_key and (len(keys) != 1 or self.secrets):
            raise ValueError(
                "private_key_jwt needs jwks_file or jwks_uri, and no secrets"
            )
        if not by_key and not self.secrets:
            raise ValueError(f"{self.authentication} needs secrets")
        if not by_key and len(keys) != bool(self.key_uses()):
            raise ValueError(
                "jwks_file or jwks_uri goes with private_key_jwt, signed requests or "
                "encrypted answers, and these need one of them"
            )
        return self

    @model_validator(mode="after")
    def _check_profile(self) -> Self:
        found = [*violations(self.profile, self)]
        signed = self.userinfo_signed_response_alg
        if self.userinfo_encrypted_response_alg and not signed:
            found.append(
                "userinfo_encrypted_response_alg needs userinfo_signed_response_alg"
            )
        if found:
            raise ValueError("\n".join(found))
        return self

    def key_uses(self) -> list[str]:
        """Return the keys of the configuration that say what the client's keys do."""
        names = (
            "request_object_signing_alg",
            "id_token_encrypted_response_alg",
            "userinfo_encrypted_response_alg",
        )
        return [name for name in names if getattr(self, name)]

    @model_validator(mode="after")
    def _check_sector(self) -> Self:
        if self.subject == "pairwise" and not self.sector and len(self._hosts()) > 1:
            raise ValueError("redirect_uris have several hosts, so sector is needed")
        return self

    def _hosts(self) -> set[str]:
        return {urlsplit(uri).hostname or "" for uri in self.redirect_uris}

    @property
    def sector_identifier(self) -> str:
        """The sector, or the host of the redirect URIs (OpenID Connect Core §8.1)."""
        return self.sector or min(self._hosts())

    @property
    def hosts(self) -> list[str]:
        """The hosts that people come from and go back to."""
        return sorted(self._hosts())


class TrustSettings(_Model):
    """The CA certificates."""

    folder: str = "ca"
    test: bool = False


class RevocationSettings(_Model):
    """How revocation is checked."""

    by: By = "ocsp-or-crl"
    cache_folder: str | None = None
    proxy: str | None = None
    allow_private_addresses: bool = False


class RedisSettings(_Model):
    """The Redis that several processes share."""

    url: str = Field(pattern=r"^(unix|(redis|valkey)s?(\+(sentinel|cluster))?)://")
    prefix: str = Field(default="kortilla:", min_length=1)


class Pkcs11Settings(_Model):
    """The token that has the signing keys. ``token`` is its label."""

    module: str = Field(pattern=r"^/.")
    token: str = Field(min_length=1, max_length=32)
    pin_file: str | None = None


class ServerSettings(_Model):
    """Where ``serve`` listens, and whether a proxy in front names the client.

    Without ``metrics_port`` there are no metrics. ``drain_seconds`` is how long it goes
    on after SIGTERM.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    behind_proxy: bool = False
    logins_per_minute: int = Field(default=60, ge=1)
    drain_seconds: float = Field(default=5, ge=0, le=60)
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)


class Settings(_Model):
    """The whole configuration. ``folder`` is the file's; it is no key."""

    issuer: str
    keys_file: str = "keys.json"
    sso_minutes: int = Field(default=0, ge=0, le=8 * 60)
    notice: Texts | None = None
    audit_log: str | None = None
    trust: TrustSettings = TrustSettings()
    revocation: RevocationSettings | None = None
    redis: RedisSettings | None = None
    pkcs11: Pkcs11Settings | None = None
    server: ServerSettings = ServerSettings()
    clients: list[ClientSettings] = []
    folder: Path = Field(default=Path(), exclude=True)

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, text: str) -> str:
        parts = urlsplit(_url(text))
        check_origin(f"{parts.scheme}://{parts.netloc}")
        if parts.query or "?" in text or text.endswith("/"):
            raise ValueError("has a query, or a slash at its end")
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", parts.path):
            raise ValueError("has a path of other characters than A-Z a-z 0-9 . _ ~ -")
        return text

    @field_validator("clients")
    @classmethod
    def _check_clients(
        cls, clients: list[ClientSettings], info: ValidationInfo
    ) -> list[ClientSettings]:
        ids = [client.id for client in clients]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"have the id {twice[0]} twice")
        trust = info.data.get("trust")
        for client in clients:
            if client.backchannel_logout_uri and info.data.get("sso_minutes") == 0:
                raise ValueError(
                    f"{client.id}: backchannel_logout_uri needs sso_minutes: without "
                    "it there is no session that could end"
                )
            if trust is None or client.acr is None:
                continue
            if trust.test and not _TEST_LEVEL.fullmatch(client.acr):
                raise ValueError(
                    f"{client.id}: acr is a level of real cards, and trust.test is set"
                )
            if not trust.test and client.acr.startswith(_OWN_LEVEL):
                raise ValueError(
                    f"{client.id}: acr begins with {_OWN_LEVEL}, which is reserved"
                )
        return clients

    @model_validator(mode="after")
    def _check_scheme(self) -> Self:
        if self.issuer.startswith("http:") and not self.trust.test:
            raise ValueError("issuer is http, which needs trust.test = true")
        return self

    @property
    def origin(self) -> str:
        """The origin that cards sign for."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def prefix(self) -> str:
        """The path of the issuer: empty, or with a slash at its start."""
        return urlsplit(self.issuer).path

    def path(self, name: str) -> Path:
        """Return a path of the configuration."""
        return self.folder / name

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a configuration. Raises ``ConfigurationError``."""
        try:
            text = file.read_text(encoding="utf-8")
            if file.stat().st_mode & 0o007 and _has_plain_secret(text):
                logger.warning(
                    "%s has secrets as they are, and others may read it: chmod o-rwx.",
                    file,
                )
            return cls.parse(text, file)
        except OSError as error:
            raise ConfigurationError(f"{file}: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"{file} is not UTF-8.") from None

    @classmethod
    def parse(cls, text: str, file: Path) -> Self:
        """Read the text of a file. Raises ``ConfigurationError``, which names it."""
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{file} is not TOML: {error}.") from None
        if "folder" in content:
            raise ConfigurationError(f"{file}: folder: there is no such key.")
        try:
            return cls.model_validate({**content, "folder": file.absolute().parent})
        except ValidationError as error:
            raise ConfigurationError(_described(file, error, content)) from None


def _has_plain_secret(text: str) -> bool:
    """Return whether a configuration has a secret that is no digest."""
    try:
        clients = tomllib.loads(text).get("clients", [])
        secrets = [each for client in clients for each in client.get("secrets", [])]
        return any(not _DIGEST.fullmatch(each) for each in secrets)
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):
        return False  # ``parse`` names what is wrong


def _described(file: Path, error: ValidationError, content: JsonObject) -> str:
    """Name each key that is wrong, and the client that it belongs to.

    Of the values only those of ``_SHOWN`` are named: others may be secrets.
    """
    lines = []
    for each in error.errors(include_input=False, include_url=False):
        key = ""
        for part in each["loc"]:
            key += f"[{part}]" if isinstance(part, int) else f".{part}"
        message = each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            message = "there is no such key"
        elif each["type"] == "missing":
            message = "this key is missing"
        whose = _client_of(each["loc"], content)
        for sentence in message.splitlines() or [""]:
            lines.append(f"{key.lstrip('.')}: {sentence}{whose}".removeprefix(": "))
    return "\n".join(f"{file}: {line}." for line in lines)


#: Keys of a client whose values are no secrets.
_SHOWN = ("redirect_uris", "post_logout_redirect_uris", "claims")


def _client_of(place: tuple[int | str, ...], content: JsonObject) -> str:
    """Return the id of the client that an error is about, and the value."""
    try:
        if place[0] != "clients":
            return ""
        client = content["clients"][place[1]]
        named = [ascii(client.get("id"))]
        if len(place) > 3 and place[2] in _SHOWN:
            named.append(ascii(client[place[2]][place[3]]))
    except (AttributeError, IndexError, KeyError, TypeError):
        return ""
    return f" (client {', '.join(named)})"
