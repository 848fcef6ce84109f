# SPDX-License-Identifier: MIT
"""The page where a person logs in for a client, and its routes.

Below ``login/ID/``: the page, ``POST challenge`` and ``POST login`` as
``<kortilla-button>`` calls them, ``GET done``, ``POST cancel`` and, in the simulator
alone, ``POST simulate``. The id names one login. It is bound to the browser's cookie,
and from ``POST login`` on to a second one, which that request's answer sets: who knows
the first alone does not get the code.
"""

import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from kortilla.common import JsonObject
from kortilla.errors import RelyingPartyError
from kortilla.events import Action, RequestContext
from kortilla.openid.clients.authorization import (
    AuthorizationRequest,
    RefusedError,
    ReturnAddress,
    parse,
    redirect,
)
from kortilla.openid.login.backchannel import Logouts
from kortilla.openid.login.browsers import Browsers, BrowserSession
from kortilla.openid.login.pages import LANGUAGES, Pages
from kortilla.openid.protocol.metrics import note
from kortilla.openid.protocol.protocol import Protocol
from kortilla.openid.protocol.records import Login
from kortilla.openid.protocol.store import ProviderStore
from kortilla.validation.identity import Identity
from kortilla.web.http import (
    Request,
    RequestRefusedError,
    Response,
    check_method,
    check_origin_header,
    json_response,
    read_body,
    read_json,
)
from kortilla.web.login import LoginService
from kortilla.web.rate_limit import Attempt
from kortilla.web.routes import MAX_BODY_BYTES, greeting, token_of
from kortilla.web.sessions import new_session_id

if TYPE_CHECKING:
    from kortilla.openid.login.simulator import Simulator

logger = logging.getLogger(__name__)

#: How long the page works; each challenge in it has five minutes.
LOGIN_SECONDS = 30 * 60
CODE_SECONDS = 60
#: How long a body may take.
BODY_SECONDS = 10

_PATH = re.compile(r"/login/([A-Za-z0-9_-]{43})(/[a-z]*)?")
_CANCELLED = RefusedError("access_denied", "The user has denied the request")
Data = JsonObject


class LoginPage:
    """The logins of a provider. ``service`` validates what cards sign."""

    def __init__(
        self,
        *,
        protocol: Protocol,
        store: ProviderStore,
        browsers: Browsers,
        logouts: Logouts,
        service: LoginService,
        pages: Pages,
        simulator: "Simulator | None" = None,
        behind_proxy: bool = False,
    ) -> None:
        self.protocol = protocol
        self.store = store
        self.browsers = browsers
        self.logouts = logouts
        self.service = service
        self.pages = pages
        self._simulator = simulator
        self._behind_proxy = behind_proxy
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

    async def begin(self, request: Request, asked: AuthorizationRequest) -> Response:
        """Begin a login: send the browser to its page."""
        hint = asked.login_hint
        if self._simulator is not None and self._simulator.knows(hint):
            return await self._simulated(request, asked, self._simulator)
        await self.admit(request, "authorize")
        browser, cookie = self.browsers.recognise(request.headers)
        login_id = new_session_id()
        data = {
            "request": asked.to_json(),
            "browser": _digest(browser),
            "challenges": {},
            "login": None,
            "wished": "",
            "until": int(self.protocol.clock()) + LOGIN_SECONDS,
        }
        await self.store.put("login", login_id, data, seconds=LOGIN_SECONDS)
        return redirect(f"{self.pages.prefix}/login/{login_id}").with_headers(cookie)

    async def finish(
        self,
        asked: AuthorizationRequest,
        login: Login,
        session: BrowserSession | None,
        *,
        by: str = "session",
    ) -> Response:
        """Send the browser back to the client with a code, by a session or a card."""
        client = self.protocol.client(asked.client_id)
        sid = self.logouts.sid(session, client)
        try:
            code, record = self.protocol.code(asked, login, sid)
        except RefusedError as error:
            return self.refuse(asked, error)
        await self.logouts.join(session, client)
        await self.store.put("code", code, record.to_json(), seconds=CODE_SECONDS)
        self.service.events.client_answered(asked.client_id, by, login.satu)
        return asked.answer(self.protocol.issuer, {"code": code})

    def refuse(self, back: ReturnAddress, error: RefusedError) -> Response:
        """Send the browser back to the client with an error (RFC 6749 §4.1.2.1)."""
        note(client=back.client_id, error=error.error)
        logger.info("%s was refused: %s", back.client_id, error)
        if error.error == "access_denied":  # others come without a login
            outcome = "cancelled" if error is _CANCELLED else "refused"
            self.service.events.client_answered(back.client_id, outcome, None)
        content = {"error": error.error, "error_description": error.description}
        return back.answer(self.protocol.issuer, content)

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
        check_method(request, methods)
        if request.method == "POST":
            check_origin_header(request.headers, self.browsers.origin)
        browser = self.browsers.browser(request.headers)
        data = await self.store.get("login", found[1])
        if data is None or browser is None or data["browser"] != _digest(browser):
            raise _gone()
        if data["until"] <= self.protocol.clock():
            raise _gone()
        # The configuration may have changed since.
        asked = _request_of(data)
        client = self.protocol.clients.get(asked.client_id)
        if client is None or asked.redirect_uri not in client.settings.redirect_uris:
            raise _gone()
        note(client=client.settings.id)
        wished = parse(query).get("lang")
        if wished in LANGUAGES and wished != data["wished"]:
            data["wished"] = wished
            await self._save(found[1], data)
        return await handler(request, found[1], data)

    async def _page(
        self, request: Request, login_id: str, data: Data, problem: str = ""
    ) -> Response:
        asked = _request_of(data)
        return self.pages.login(
            request,
            self.protocol.client(asked.client_id).settings,
            login_id,
            ui_locales=f"{data['wished']} {asked.ui_locales}",
            service=asked.ftn_spname,
            problem=problem,
        )

    def _reporting(
        self, request: Request, action: Action
    ) -> AbstractContextManager[tuple[RequestContext, float]]:
        address = self._address(request)
        return self.service.events.reporting(request.headers, address, action)

    async def _challenge(self, request: Request, login_id: str, data: Data) -> Response:
        with self._reporting(request, "challenge") as (context, _):
            await self.admit(request, "challenge")
            await self._json(request, allowed=set())
            nonce = await self.service.challenge(data["challenges"])
            await self._save(login_id, data)
            self.service.events.challenge_issued(context)
        return json_response({"nonce": nonce})

    async def _login(self, request: Request, login_id: str, data: Data) -> Response:
        with self._reporting(request, "login") as (context, since):
            await self.admit(request, "login")
            body = await self._json(request, allowed={"authToken", "nonce"})
            token, nonce = token_of(body)
            challenges = data["challenges"]
            identity = await self.service.login(challenges, token, nonce=nonce)
            signer, cookie = self.browsers.signed(login_id, seconds=LOGIN_SECONDS)
            data["login"] = dict(vars(self._login_of(identity)))
            data["signer"] = _digest(signer)
            await self._save(login_id, data)
            self.service.events.logged_in(context, identity, time.monotonic() - since)
        return greeting(identity, cookie)

    async def _done(self, request: Request, login_id: str, data: Data) -> Response:
        if data["login"] is None:
            return redirect(f"{self.pages.prefix}/login/{login_id}")
        signer = self.browsers.signer(request.headers, login_id)
        if signer is None or data["signer"] != _digest(signer):
            raise _gone()
        taken = await self._take(login_id)
        # Another browser may have signed between the two.
        if taken["signer"] != data["signer"]:
            raise _gone()
        answer = await self._end(request, _request_of(taken), Login(**taken["login"]))
        return answer.with_headers(self.browsers.forget_signer(login_id))

    async def _end(
        self, request: Request, asked: AuthorizationRequest, login: Login
    ) -> Response:
        session, ended = await self.browsers.begin(request.headers, login)
        if ended is not None:
            await self.logouts.end(ended)
        if session is not None and session.kept:
            await self.logouts.renew(session)
        answer = await self.finish(asked, login, session, by="card")
        return answer.with_headers(self.browsers.remember(session))

    async def _cancel(self, request: Request, login_id: str, data: Data) -> Response:
        return self.refuse(_request_of(await self._take(login_id)), _CANCELLED)

    # -- The simulator ----------------------------------------------------------------

    async def _simulate(self, request: Request, login_id: str, data: Data) -> Response:
        await self.admit(request, "login")
        text = await read_body(
            request.body, max_bytes=MAX_BODY_BYTES, seconds=BODY_SECONDS
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
        return await self._end(request, _request_of(await self._take(login_id)), login)

    async def _simulated(
        self, request: Request, asked: AuthorizationRequest, simulator: "Simulator"
    ) -> Response:
        """Do at once what ``login_hint`` names, without a page."""
        if simulator.cancels(asked.login_hint):
            return self.refuse(asked, _CANCELLED)
        try:
            login = await self._play(request, simulator, asked.login_hint)
        except RelyingPartyError as error:
            return self.refuse(asked, RefusedError("access_denied", error.code))
        return await self._end(request, asked, login)

    async def _play(
        self, request: Request, simulator: "Simulator", choice: str
    ) -> Login:
        with self._reporting(request, "login") as (context, since):
            challenges: Data = {}
            nonce = await self.service.challenge(challenges)
            token = simulator.token(choice, self.service.origin, nonce)
            identity = await self.service.login(challenges, token, nonce=nonce)
            self.service.events.logged_in(context, identity, time.monotonic() - since)
        return self._login_of(identity)

    # -- Parts ------------------------------------------------------------------------

    def _login_of(self, identity: Identity) -> Login:
        return Login.of(identity, int(self.protocol.clock()))

    async def _save(self, login_id: str, data: Data) -> None:
        """Store a login again, if it has not ended meanwhile."""
        seconds = max(1, data["until"] - int(self.protocol.clock()))
        if not await self.store.replace("login", login_id, data, seconds=seconds):
            raise _gone()

    async def _take(self, login_id: str) -> Data:
        data = await self.store.take("login", login_id)
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
            max_bytes=MAX_BODY_BYTES,
            seconds=BODY_SECONDS,
        )


def _request_of(data: Data) -> AuthorizationRequest:
    return AuthorizationRequest.from_json(data["request"])


def _gone() -> RefusedError:
    return RefusedError("login_ended", "The login is unknown or has ended", status=404)


def _digest(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()
