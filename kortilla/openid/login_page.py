# SPDX-License-Identifier: MIT
"""The page where a person logs in for a client, and its routes.

Below ``login/ID/``: the page, ``POST challenge`` and ``POST login`` as
``<kortilla-button>`` calls them, ``GET done``, ``POST cancel`` and, in the simulator
alone, ``POST simulate``. The id names one login. It is bound to the browser's cookie,
and from ``POST login`` on to a second one, which that request's answer sets: who knows
the first alone does not get the code.
"""

import hashlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kortilla.errors import RelyingPartyError
from kortilla.events import Action, RequestContext
from kortilla.openid.authlib_server import Client
from kortilla.openid.browsers import Browsers
from kortilla.openid.pages import LANGUAGES, Pages, redirect
from kortilla.openid.parameters import parse
from kortilla.openid.person import Login
from kortilla.openid.protocol import Protocol
from kortilla.openid.records import RefusedError
from kortilla.openid.store import Store
from kortilla.validation.identity import Identity
from kortilla.web.http import (
    Request,
    RequestRefusedError,
    Response,
    check_origin_header,
    json_response,
    read_body,
    read_json,
)
from kortilla.web.login import LoginService
from kortilla.web.rate_limit import Attempt
from kortilla.web.sessions import new_session_id

if TYPE_CHECKING:
    from kortilla.openid.simulator import Simulator

__all__ = ["CODE_SECONDS", "LOGIN_SECONDS", "LoginPage"]

#: How long the page works; each challenge in it has five minutes.
LOGIN_SECONDS = 30 * 60
CODE_SECONDS = 60

_PATH = re.compile(r"/login/([A-Za-z0-9_-]{43})(/[a-z]*)?")
_MAX_BODY_BYTES = 16 * 1024
Data = dict[str, Any]


class LoginPage:
    """The logins of a provider. ``service`` validates what cards sign."""

    def __init__(
        self,
        *,
        protocol: Protocol,
        store: Store,
        browsers: Browsers,
        service: LoginService,
        pages: Pages,
        simulator: "Simulator | None" = None,
        behind_proxy: bool = False,
        body_seconds: float = 10,
    ) -> None:
        self._protocol = protocol
        self._store = store
        self._browsers = browsers
        self.service = service
        self._pages = pages
        self._simulator = simulator
        self._behind_proxy = behind_proxy
        self._body_seconds = body_seconds
        self._actions: dict[
            str, tuple[str, Callable[[Request, str, Data], Awaitable[Response]]]
        ] = {
            "/challenge": ("POST", self._challenge),
            "/login": ("POST", self._login),
            "/done": ("GET", self._done),
            "/cancel": ("POST", self._cancel),
        }
        if simulator is not None:
            self._actions["/simulate"] = ("POST", self._simulate)

    async def begin(
        self, request: Request, client: Client, parameters: dict[str, str]
    ) -> Response:
        """Begin a login: send the browser to its page."""
        hint = parameters.get("login_hint", "")
        if self._simulator is not None and self._simulator.knows(hint):
            return await self._simulated(request, parameters, hint)
        await self.admit(request, "authorize")
        browser, cookie = self._browsers.recognise(request.headers)
        login_id = new_session_id()
        data = {
            "parameters": parameters,
            "browser": _digest(browser),
            "challenges": {},
            "login": None,
            "wished": "",
            "until": int(self._protocol.clock()) + LOGIN_SECONDS,
        }
        await self._store.put("login", login_id, data, seconds=LOGIN_SECONDS)
        return redirect(f"{self._pages.prefix}/login/{login_id}").with_headers(cookie)

    async def finish(self, parameters: dict[str, str], login: Login) -> Response:
        """Send the browser back to the client with a code."""
        location, saved = self._protocol.authorize(parameters, login)
        assert saved is not None  # noqa: S101 - with a login there is a code
        code, record = saved
        await self._store.put("code", code, record.to_json(), seconds=CODE_SECONDS)
        return redirect(location)

    async def admit(self, request: Request, route: str) -> None:
        """Count an attempt. Raises ``RateLimitedError``."""
        attempt = Attempt(route=route, client=self._address(request), session_id=None)
        await self.service.admit(attempt)

    async def handle(self, request: Request, query: str) -> Response:
        """Return the response to a request below ``/login/``."""
        found = _PATH.fullmatch(request.path)
        action = found[2] if found else None
        if found is None or not (action is None or action in self._actions):
            raise RequestRefusedError(404, "NOT_FOUND")
        methods, handler = self._actions[action] if action else ("GET", self._page)
        if request.method not in methods.split(", "):
            raise RequestRefusedError(405, "METHOD_NOT_ALLOWED", allow=methods)
        if request.method == "POST":
            check_origin_header(request.headers, self._browsers.origin)
        browser = self._browsers.browser(request.headers)
        data = await self._store.get("login", found[1])
        if data is None or browser is None or data["browser"] != _digest(browser):
            raise _gone()
        if data["until"] <= self._protocol.clock():
            raise _gone()
        if data["parameters"]["client_id"] not in self._protocol.clients:
            raise _gone()
        wished = parse(query).get("lang")
        if wished in LANGUAGES and wished != data["wished"]:
            data["wished"] = wished
            await self._save(found[1], data)
        return await handler(request, found[1], data)

    async def _page(
        self, request: Request, login_id: str, data: Data, problem: str = ""
    ) -> Response:
        client = self._protocol.clients[data["parameters"]["client_id"]]
        return self._pages.login(
            request,
            client.settings,
            login_id,
            ui_locales=f"{data['wished']} {data['parameters'].get('ui_locales', '')}",
            simulator=self._simulator,
            problem=problem,
        )

    @asynccontextmanager
    async def _reporting(
        self, request: Request, action: Action
    ) -> AsyncIterator[tuple[RequestContext, float]]:
        """Yield what events need, and report a refusal."""
        events, since = self.service.events, time.monotonic()
        context = events.context(request.headers, self._address(request))
        try:
            yield context, since
        except BaseException as error:
            events.refused(context, action, error, since)
            raise

    async def _challenge(self, request: Request, login_id: str, data: Data) -> Response:
        async with self._reporting(request, "challenge") as (context, _):
            answer = await self._issue(request, login_id, data)
            self.service.events.challenge_issued(context)
        return answer

    async def _issue(self, request: Request, login_id: str, data: Data) -> Response:
        await self.admit(request, "challenge")
        await self._json(request, allowed=set())
        nonce = await self.service.challenge(data["challenges"])
        await self._save(login_id, data)
        return json_response({"nonce": nonce})

    async def _login(self, request: Request, login_id: str, data: Data) -> Response:
        async with self._reporting(request, "login") as (context, since):
            answer, identity = await self._redeem(request, login_id, data)
            self.service.events.logged_in(context, identity, time.monotonic() - since)
        return answer

    async def _redeem(
        self, request: Request, login_id: str, data: Data
    ) -> tuple[Response, Identity]:
        await self.admit(request, "login")
        body = await self._json(request, allowed={"authToken", "nonce"})
        nonce = body.get("nonce")
        if "authToken" not in body or not (nonce is None or isinstance(nonce, str)):
            raise RequestRefusedError(400, "INVALID_REQUEST")
        identity = await self.service.login(
            data["challenges"], body["authToken"], nonce=nonce
        )
        signer, cookie = self._browsers.signed(login_id, seconds=LOGIN_SECONDS)
        data["login"] = asdict(self._login_of(identity))
        data["signer"] = _digest(signer)
        await self._save(login_id, data)
        name = f"{identity.given_names} {identity.surname}"
        answer = json_response({"name": name, "satu": identity.satu})
        return answer.with_headers(cookie), identity

    async def _done(self, request: Request, login_id: str, data: Data) -> Response:
        if data["login"] is None:
            return redirect(f"{self._pages.prefix}/login/{login_id}")
        signer = self._browsers.signer(request.headers, login_id)
        if signer is None or data["signer"] != _digest(signer):
            raise _gone()
        taken = await self._take(login_id)
        # Another browser may have signed between the two.
        if taken["signer"] != data["signer"]:
            raise _gone()
        login = Login(**taken["login"])
        answer = await self._end(request, taken["parameters"], login)
        return answer.with_headers(self._browsers.forget_signer(login_id))

    async def _end(
        self, request: Request, parameters: dict[str, str], login: Login
    ) -> Response:
        answer = await self.finish(parameters, login)
        return answer.with_headers(await self._browsers.begin(request.headers, login))

    async def _cancel(self, request: Request, login_id: str, data: Data) -> Response:
        taken = await self._take(login_id)
        return redirect(self._protocol.authorize(taken["parameters"], None)[0])

    # -- The simulator ----------------------------------------------------------------

    async def _simulate(self, request: Request, login_id: str, data: Data) -> Response:
        await self.admit(request, "login")
        text = await read_body(
            request.body, max_bytes=_MAX_BODY_BYTES, seconds=self._body_seconds
        )
        choice = parse(text.decode(errors="replace")).get("choice", "")
        if self._simulator is None or not self._simulator.knows(choice):
            raise RequestRefusedError(400, "INVALID_REQUEST")
        if self._simulator.cancels(choice):
            return await self._cancel(request, login_id, data)
        try:
            login = await self._play(request, self._simulator, choice)
        except RelyingPartyError as error:
            return await self._page(request, login_id, data, problem=error.code)
        taken = await self._take(login_id)
        return await self._end(request, taken["parameters"], login)

    async def _simulated(
        self, request: Request, parameters: dict[str, str], hint: str
    ) -> Response:
        """Do at once what ``login_hint`` names, without a page."""
        assert self._simulator is not None  # noqa: S101 - the caller has looked
        if self._simulator.cancels(hint):
            return redirect(self._protocol.authorize(parameters, None)[0])
        try:
            login = await self._play(request, self._simulator, hint)
        except RelyingPartyError as error:
            refusal = RefusedError("access_denied", error.code)
            return redirect(self._protocol.error_redirect(parameters, refusal))
        return await self._end(request, parameters, login)

    async def _play(
        self, request: Request, simulator: "Simulator", choice: str
    ) -> Login:
        async with self._reporting(request, "login") as (context, since):
            challenges: Data = {}
            nonce = await self.service.challenge(challenges)
            token = simulator.token(choice, self.service.origin, nonce)
            identity = await self.service.login(challenges, token, nonce=nonce)
            self.service.events.logged_in(context, identity, time.monotonic() - since)
        return self._login_of(identity)

    # -- Parts ------------------------------------------------------------------------

    def _login_of(self, identity: Identity) -> Login:
        return Login.of(identity, int(self._protocol.clock()))

    async def _save(self, login_id: str, data: Data) -> None:
        """Store a login again, if it has not ended meanwhile."""
        seconds = max(1, data["until"] - int(self._protocol.clock()))
        if not await self._store.replace("login", login_id, data, seconds=seconds):
            raise _gone()

    async def _take(self, login_id: str) -> Data:
        data = await self._store.take("login", login_id)
        if data is None:
            raise _gone()
        return data

    def _address(self, request: Request) -> str | None:
        """Return the client's address, as the proxy in front names it."""
        forwarded = request.headers.all("X-Forwarded-For")
        if self._behind_proxy and forwarded:
            # The proxy itself adds the last one; a client can choose the others.
            return forwarded[-1].rpartition(",")[2].strip()
        return request.client

    async def _json(self, request: Request, *, allowed: set[str]) -> Data:
        return await read_json(
            request,
            allowed=allowed,
            max_bytes=_MAX_BODY_BYTES,
            seconds=self._body_seconds,
        )


def _gone() -> RefusedError:
    return RefusedError("login_ended", "The login is unknown or has ended", status=404)


def _digest(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()
