# SPDX-License-Identifier: MIT
"""A provider in this process, its clients, and a browser without a network."""

import asyncio
import base64
import functools
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from kortilla.events import EventHook
from kortilla.openid import Settings, create_provider
from kortilla.openid.clients.registry import Change
from kortilla.openid.protocol.signing_keys import KeyFile, Keys
from kortilla.openid.provider import Provider
from kortilla.testing import KortillaCard
from kortilla.web.http import Headers, Request, Response
from tests.support.patience import patience

ISSUER = "https://login.example/openid"
ORIGIN = "https://login.example"
CALLBACK = "https://shop.example/callback?from=login"
SECRET = "s" * 20 + "-" + "S" * 22
OTHER_SECRET = "o" * 43
KEYS = Keys.create()
FORM = "application/x-www-form-urlencoded"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT_KEY = ECKey.generate_key("P-256", {"kid": "client-1"})


async def until(happened: Callable[[], object]) -> None:
    """Run the event loop until a condition holds that sends no event."""
    async with asyncio.timeout(patience()):
        while not happened():  # noqa: ASYNC110 - a state of anything, not an event
            await asyncio.sleep(0.01)


class Clock:
    """The current time, which a test can move forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(frozen=True)
class FromNow:
    """A claim in a table of tests: so many seconds after it is made."""

    seconds: float


def claimed(claims: dict[str, Any], now: int) -> dict[str, Any]:
    """Return claims with the times that they are to have at ``now``."""
    return {
        name: now + value.seconds if isinstance(value, FromNow) else value
        for name, value in claims.items()
    }


def configuration(**changes: Any) -> dict[str, Any]:
    """Return a configuration with clients of each kind."""
    name = {"fi": "Kauppa & Kumpp.", "sv": "Butiken", "en": "The shop"}
    shop = {
        "id": "shop",
        "name": name,
        "redirect_uris": [CALLBACK, "https://shop.example/other"],
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "secrets": [SECRET],
        "claims": ["name", "given_name", "family_name", "urn:oid:1.2.246.22"],
        "email": "{sub}@example.invalid",
    }
    office = {
        "id": "office",
        "name": name,
        "redirect_uris": ["https://office.example/cb"],
        "authentication": "private_key_jwt",
        "jwks_file": "office.json",
        "algorithm": "ES256",
        "subject": "public",
    }
    post = {
        "id": "post",
        "name": name,
        "redirect_uris": ["https://post.example/cb"],
        "post_logout_redirect_uris": ["https://post.example/bye"],
        "authentication": "client_secret_post",
        "secrets": [OTHER_SECRET, "n" * 43],
    }
    return {
        "issuer": ISSUER,
        "trust": {"folder": "ca", "test": True},
        "clients": [shop, office, post],
        **changes,
        # A test waits for the end of a process.
        "server": {"drain_seconds": 0, **changes.get("server", {})},
    }


def write_files(folder: Path, card: KortillaCard) -> None:
    """Write the files that a configuration names."""
    (folder / "ca").mkdir()
    for file in (card.issuing_ca, card.root_ca):
        (folder / "ca" / file.name).write_bytes(file.read_bytes())
    KeyFile(folder / "keys.json").write(KEYS)
    public = {"keys": [CLIENT_KEY.as_dict(private=False)]}
    (folder / "office.json").write_text(json.dumps(public))


def toml(content: dict[str, Any]) -> str:
    """Write a configuration as TOML, each value in JSON's notation."""

    def inline(value: Any) -> str:
        if isinstance(value, dict):
            pairs = (f"{key} = {inline(each)}" for key, each in value.items())
            return "{ " + ", ".join(pairs) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(map(inline, value)) + "]"
        return json.dumps(value, ensure_ascii=False)

    clients = content.get("clients", [])
    rest = {name: value for name, value in content.items() if name != "clients"}
    lines = [f"{name} = {inline(value)}" for name, value in rest.items()]
    for client in clients:
        lines += ["[[clients]]", *(f"{key} = {inline(v)}" for key, v in client.items())]
    return "\n".join(lines) + "\n"


@functools.cache
def key_file(folder: Path) -> KeyFile:
    """Return the keys in a folder, which are read once for all tests."""
    return KeyFile(folder / "keys.json")


def pkce() -> tuple[str, str]:
    """Return a verifier and its challenge."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).decode().rstrip("=")


def asked(**changes: str | None) -> tuple[str, dict[str, str]]:
    """Return a verifier, and the shop's request to log in; None leaves one out."""
    verifier, challenge = pkce()
    form = {
        "client_id": "shop",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile email",
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **changes,
    }
    return verifier, {name: text for name, text in form.items() if text is not None}


def basic(client: str = "shop", secret: str = SECRET) -> str:
    """Return the Authorization header of a client (RFC 6749 §2.3.1)."""
    text = f"{quote(client, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(text.encode()).decode()


def assertion(key: Any = CLIENT_KEY, header: Any = None, **changes: Any) -> str:
    """Return a client's assertion; a claim that is None is left out."""
    now = int(time.time())
    claims = {
        "iss": "office",
        "sub": "office",
        "aud": ISSUER,
        "exp": now + 60,
        "iat": now,
        "jti": secrets.token_urlsafe(9),
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    header = header or {"alg": "ES256", "kid": "client-1"}
    return jwt.encode(header, claimed(claims, now), key, algorithms=[header["alg"]])


@dataclass
class Answer:
    """A response."""

    status: int
    body: bytes
    headers: Headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        assert self.status == 303, (self.status, self.text)
        [location] = self.headers.all("Location")
        return location

    @property
    def parameters(self) -> dict[str, str]:
        """The query of the redirect, each parameter once."""
        found = parse_qs(urlsplit(self.location).query, strict_parsing=True)
        assert all(len(values) == 1 for values in found.values())
        return {name: value for name, [value] in found.items()}


@dataclass
class LocalOP:
    """A provider, and what its clients do."""

    provider: Provider
    card: KortillaCard
    clock: Clock
    folder: Path
    changes: dict[str, Any]

    @classmethod
    def create(
        cls,
        folder: Path,
        card: KortillaCard,
        *,
        simulator: bool = False,
        on_event: Iterable[EventHook] = (),
        **changes: Any,
    ) -> "LocalOP":
        """Make a provider in this process, whose files are in a folder."""
        clock = Clock()
        settings = Settings.model_validate(
            {**configuration(**changes), "folder": folder}
        )
        provider = create_provider(
            settings,
            simulator=simulator,
            keys=key_file(folder),
            on_event=on_event,
            clock=clock,
        )
        return cls(provider, card, clock, folder, changes)

    def change(self, change: Callable[[list[Any]], object]) -> list[Change]:
        """Have the provider take its clients anew, after a change of their list."""
        content = configuration(**self.changes)
        change(content["clients"])
        self.changes["clients"] = content["clients"]
        settings = Settings.model_validate({**content, "folder": self.folder})
        return self.provider.update_clients(settings)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Send a request to the provider."""

        async def stream() -> AsyncIterator[bytes]:
            yield body

        request = Request(method, path, Headers(headers), stream(), "192.0.2.1")
        answer: Response = await self.provider.handle(request, query)
        return Answer(answer.status, answer.body, Headers(answer.headers))

    async def post(
        self,
        path: str,
        form: Mapping[str, str] | str,
        *,
        authorization: str = "",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Send a form, as a client does."""
        text = form if isinstance(form, str) else urlencode(form)
        kind = ("Content-Type", FORM)
        own = [("Authorization", authorization)] if authorization else []
        return await self.send(
            "POST", path, body=text.encode(), headers=[kind, *own, *headers]
        )

    async def token(
        self, code: str, verifier: str, *, authorization: str | None = None, **more: str
    ) -> Answer:
        """Exchange a code, as the shop does."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
            **more,
        }
        form = {name: value for name, value in form.items() if value}
        given = basic() if authorization is None else authorization
        return await self.post("/token", form, authorization=given)

    async def userinfo(self, access_token: str) -> Answer:
        """Ask who the person is."""
        headers = [("Authorization", f"Bearer {access_token}")]
        return await self.send("GET", "/userinfo", headers=headers)

    async def claims(self, id_token: str) -> dict[str, Any]:
        """Return the claims of an ID token that the published keys verify."""
        answer = await self.send("GET", "/jwks")
        keys = KeySet.import_key_set(answer.json)
        algorithms = ["RS256", "ES256"]
        return dict(jwt.decode(id_token, keys, algorithms=algorithms).claims)

    async def code(self, **more: str) -> tuple[str, str]:
        """Log in for the shop in a new browser, as ``Browser.code``."""
        return await Browser(self).code(**more)

    async def tokens(self, **more: str) -> dict[str, Any]:
        """Log in for the shop in a new browser, as ``Browser.tokens``."""
        return await Browser(self).tokens(**more)


@dataclass
class Browser:
    """A browser: its cookies."""

    op: LocalOP
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        kind: str = "application/json",
        origin: str | None = ORIGIN,
    ) -> Answer:
        """Send a request to a URL of the provider, or a path below the issuer's."""
        parts = urlsplit(url)
        path = parts.path.removeprefix(urlsplit(self.op.provider.prefix).path)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = [
            ("Cookie", cookie),
            ("Accept-Language", self.language),
            ("Accept", "text/html"),
        ]
        if method == "POST":
            headers.append(("Content-Type", kind))
            headers += [("Origin", origin)] if origin is not None else []
        answer = await self.op.send(
            method, path, query=parts.query, body=body, headers=headers
        )
        for header in answer.headers.all("Set-Cookie"):
            name, _, rest = header.partition("=")
            value = rest.partition(";")[0]
            self.cookies[name] = value
            if value == '""':
                del self.cookies[name]
        return answer

    async def submit(
        self, url: str, form: Mapping[str, str] | bytes = b"", origin: str = ORIGIN
    ) -> Answer:
        """Send a form of a page of ours, or of another origin."""
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        return await self.send("POST", url, body=body, kind=FORM, origin=origin)

    async def authorize(self, **changes: str | None) -> tuple[str, Answer]:
        """Follow the shop's link to log in. Returns the verifier, and the answer."""
        verifier, form = asked(**changes)
        return verifier, await self.send("GET", f"/authorize?{urlencode(form)}")

    async def page(self, **changes: str | None) -> str:
        """Follow the shop's link to log in. Returns the address of the login's page."""
        return (await self.authorize(**changes))[1].location

    async def token_for(self, page: str, **more: Any) -> tuple[Answer, bytes]:
        """Ask for a challenge, as the button does, and let the card answer it."""
        challenge = await self.send("POST", f"{page}/challenge", body=b"{}")
        nonce = challenge.json["nonce"]
        token = self.op.card.token(ORIGIN, nonce, **more)
        return challenge, json.dumps({"authToken": token, "nonce": nonce}).encode()

    async def log_in(self, page: str) -> Answer:
        """Log in with the card on a login's page."""
        _, body = await self.token_for(page)
        logged_in = await self.send("POST", f"{page}/login", body=body)
        assert logged_in.status == 200, logged_in.text
        return await self.send("GET", f"{page}/done")

    async def code(self, **changes: str | None) -> tuple[str, str]:
        """Log in for the shop, with the card if a page asks for it.

        Returns the code and the verifier.
        """
        verifier, answer = await self.authorize(**changes)
        if answer.location.startswith("/"):
            answer = await self.log_in(answer.location)
        return answer.parameters["code"], verifier

    async def tokens(self, **changes: str | None) -> dict[str, Any]:
        """Log in for the shop. Returns what the code is exchanged for."""
        answer = await self.op.token(*await self.code(**changes))
        assert answer.status == 200, answer.text
        content: dict[str, Any] = answer.json
        return content
