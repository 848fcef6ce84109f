# SPDX-License-Identifier: MIT
"""The provider's endpoints below the issuer's path, for the adapters of all frameworks.

- ``GET .well-known/openid-configuration`` and ``GET jwks``
- ``GET`` and ``POST authorize``, ``POST par``, ``POST token``
- ``GET`` and ``POST userinfo``, ``GET`` and ``POST logout``
- ``login/…``: the page where people log in (``kortilla.openid.login.login_page``)
- ``GET static/…``: its files; ``GET healthz`` and ``GET readyz``

Nothing that a browser or a client sends raises an error here.
"""

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from urllib.parse import urlencode

from kortilla.errors import ConfigurationError, RelyingPartyError, StoreUnavailableError
from kortilla.health import check_health
from kortilla.openid.clients import cors
from kortilla.openid.clients.authorization import (
    AuthorizationRequest,
    RefusedError,
    ReturnAddress,
    oauth_error,
    parse,
    public_json,
    redirect,
)
from kortilla.openid.clients.client import (
    ASSERTION_SECONDS,
    Client,
    about,
    claimed_id,
    peek,
)
from kortilla.openid.clients.registry import Change, Registry
from kortilla.openid.clients.settings import Settings
from kortilla.openid.login.login_page import BODY_SECONDS, CODE_SECONDS, LoginPage
from kortilla.openid.login.pages import static_files
from kortilla.openid.protocol import dpop
from kortilla.openid.protocol.metrics import Observed, note, observing
from kortilla.openid.protocol.protocol import TOKEN_SECONDS, check_token
from kortilla.openid.protocol.records import CodeRecord, TokenRecord
from kortilla.openid.protocol.request_objects import opened
from kortilla.web.http import (
    Request,
    RequestRefusedError,
    Response,
    check_method,
    is_same_origin,
    json_response,
    read_body,
    shown,
)
from kortilla.web.login import LoginService
from kortilla.web.refusals import error_response

logger = logging.getLogger(__name__)

#: A token request has an assertion of a few KB at most.
MAX_BODY_BYTES = 32 * 1024

PAR_SECONDS = 90

_PAR = "urn:ietf:params:oauth:request_uri:"
_FORM = "application/x-www-form-urlencoded"
#: Endpoints that clients call; an error of theirs is JSON (RFC 6749 §5.2).
_MACHINE = {"/par", "/token", "/userinfo", "/jwks", "/readyz"}

Parameters = dict[str, str]


class Provider:
    """An OpenID Provider as requests and responses.

    ``closing`` has what it uses.
    """

    def __init__(
        self, login_page: LoginPage, clients: Registry, *, closing: AsyncExitStack
    ) -> None:
        #: Whether the process ends soon: then it is not ready.
        self.stopping = False
        #: Functions that are called with each request when it has been answered.
        self.request_hooks: list[Callable[[Observed], None]] = []
        self.protocol = login_page.protocol
        self.store = login_page.store
        self._clients = clients
        self._browsers = login_page.browsers
        self._pages = login_page.pages
        self._login_page = login_page
        self._closing = closing
        self._endpoints: dict[
            str, tuple[str, Callable[[Request, str], Awaitable[Response]]]
        ] = {
            "/.well-known/openid-configuration": ("GET, HEAD", self._discovery),
            "/jwks": ("GET, HEAD", self._jwks),
            "/authorize": ("GET, POST", partial(self._asked, self._authorize)),
            "/par": ("POST", partial(self._asked, self._par)),
            "/token": ("POST", partial(self._asked, self._token)),
            "/userinfo": ("GET, POST", self._userinfo),
            "/logout": ("GET, POST", self._logout),
            "/healthz": ("GET, HEAD", self._healthz),
            "/readyz": ("GET, HEAD", self._readyz),
        }

    @property
    def service(self) -> LoginService:
        """The login, for ``kortilla.prometheus.Metrics`` and the like."""
        return self._login_page.service

    @property
    def prefix(self) -> str:
        """The path of the issuer, below which the endpoints lie."""
        return self._pages.prefix

    async def handle(self, request: Request, query: str) -> Response:
        """Return the response to a request below the issuer's path.

        ``query`` is the raw query, without its question mark.
        """
        clients = self.protocol.clients
        if not self.request_hooks:
            return cors.shared(request, await self._answer(request, query), clients)
        with observing(request.path) as observed:
            try:
                answer = await self._answer(request, query)
                observed.status = answer.status
            finally:
                for hook in self.request_hooks:
                    hook(observed)
        return cors.shared(request, answer, clients)

    async def _answer(self, request: Request, query: str) -> Response:
        try:
            return await self._dispatch(request, query)
        except RefusedError as error:
            return self._refuse(request, error)
        except StoreUnavailableError as error:
            logger.error("A request was refused: %s", error)
            if request.path in _MACHINE:
                return oauth_error("temporarily_unavailable", "", 503)
            return error_response(error, request.headers)
        except (RelyingPartyError, RequestRefusedError) as error:
            return error_response(error, request.headers)

    def update_clients(self, settings: Settings) -> list[Change]:
        """Take the clients of another configuration; open logins go on.

        Raises ``ConfigurationError`` if anything else differs, or if a client's keys
        can't be used. Then all stays as it was.
        """
        changes = self._clients.update(settings)
        for each in changes:
            self.service.events.client_changed(
                each.client_id, each.change, ",".join(each.keys)
            )
        return changes

    async def close(self) -> None:
        """Close all that the provider uses."""
        await self._closing.aclose()

    async def _dispatch(self, request: Request, query: str) -> Response:
        if request.path in self._endpoints:
            methods, endpoint = self._endpoints[request.path]
            if allowed := cors.preflight(request, self.protocol.clients):
                return allowed
            check_method(request, methods)
            return await endpoint(request, query)
        if file := static_files().get(request.path):
            check_method(request, "GET, HEAD")
            return file.response(request.headers)
        if request.path.startswith("/login/"):
            return await self._login_page.handle(request, query)
        raise RequestRefusedError(404, "NOT_FOUND")

    def _refuse(self, request: Request, error: RefusedError) -> Response:
        note(error=error.error)
        page = request.path.startswith("/login/")  # its id stays out of logs
        where = "/login/…" if page else request.path
        why = error.about and f" ({error.about})"
        logger.info("%s was refused: %s%s", where, error, why)
        if request.path not in _MACHINE:
            return self._pages.mistake(request, error)
        headers = [each for each in error.headers if each[0] == "WWW-Authenticate"]
        answer = oauth_error(error.error, error.description, error.status)
        return answer.with_headers(*headers)

    # -- Discovery --------------------------------------------------------------------

    async def _discovery(self, request: Request, query: str) -> Response:
        return public_json(self.protocol.metadata())

    async def _jwks(self, request: Request, query: str) -> Response:
        return public_json(self.protocol.keys.read().public())

    async def _healthz(self, request: Request, query: str) -> Response:
        return json_response({"status": "ok"})

    async def _readyz(self, request: Request, query: str) -> Response:
        if self.stopping:
            return json_response({"status": "stopping"}, status=503)
        try:
            self.protocol.keys.check()
            await self.protocol.keys.ready()
            await self.store.check()
            # The authority's fault takes no process out of service.
            health = await check_health(self.service, needs_revocation=False)
        except (ConfigurationError, StoreUnavailableError) as error:
            logger.error("The provider is not ready: %s", error)
            return json_response({"status": "unavailable"}, status=503)
        for check in health.checks:
            if check.status != "ok":
                logger.warning("%s: %s", check.name, check.detail)
        status = "ok" if health.ready else "unavailable"
        return json_response({"status": status}, status=200 if health.ready else 503)

    # -- Authorization ----------------------------------------------------------------

    async def _asked(
        self,
        endpoint: Callable[[Request, Parameters], Awaitable[Response]],
        request: Request,
        query: str,
    ) -> Response:
        """Answer a client's request. A refusal of it knows which client it was."""
        by_form = request.method == "POST"
        form = parse(await self._form(request, query) if by_form else query)
        try:
            return await endpoint(request, form)
        except RefusedError as error:
            authorization = request.headers.joined("Authorization")
            error.about = about(self.protocol.clients, form, authorization)
            raise

    async def _authorize(self, request: Request, form: Parameters) -> Response:
        by_form = request.method == "POST"
        uri = form.get("request_uri", "")
        if by_form and uri.startswith(_PAR):
            return self._by_link(form.get("client_id", ""), uri)
        if uri.startswith(_PAR):
            asked = await self._take_pushed(uri, form.get("client_id", ""))
        else:
            client = self._client(form)
            form, signed = await opened(form, client, self.store, self.protocol)
            back = self._return_address(form)
            try:
                asked = AuthorizationRequest.check(form, client.settings, signed=signed)
            except RefusedError as error:
                return self._login_page.refuse(back, error)
        if by_form:
            await self._login_page.admit(request, "push")
            return self._by_link(asked.client_id, await self._push(asked))
        try:
            return await self._log_in(request, asked)
        except RefusedError as error:
            return self._login_page.refuse(asked, error)

    def _by_link(self, client_id: str, uri: str) -> Response:
        """Send a browser that came with a form back here by a link.

        Browsers send no cookie of ours with another site's POST, and would lose the
        other tabs. They do with the GET that follows.
        """
        short = {"client_id": client_id, "request_uri": uri}
        return redirect(f"{self.protocol.issuer}/authorize?{urlencode(short)}")

    async def _log_in(self, request: Request, asked: AuthorizationRequest) -> Response:
        """Answer by the session's login if the client takes it, or begin a new one."""
        client = self.protocol.client(asked.client_id)
        self.protocol.check_level(asked)
        session = await self._browsers.session(request.headers)
        login = session.login if session else None
        subject = self.protocol.hinted_subject(asked)
        if login is not None:
            own = login.subject_for(client.settings, self.protocol.keys)
            now = self.protocol.clock()
            same = subject in (None, own) and asked.subject in ("", own)
            if same and asked.accepts(login.auth_time, now=now):
                return await self._login_page.finish(asked, login, session)
        if asked.is_silent:
            raise RefusedError("login_required", "The user has to log in")
        return await self._login_page.begin(request, asked)

    async def _push(self, asked: AuthorizationRequest) -> str:
        """Store a request and return the ``request_uri`` that stands for it."""
        uri = _PAR + secrets.token_urlsafe(32)
        await self.store.put("par", uri, asked.to_json(), seconds=PAR_SECONDS)
        return uri

    async def _take_pushed(self, uri: str, client_id: str) -> AuthorizationRequest:
        """Return the request that was pushed. Raises ``RefusedError``."""
        pushed = await self.store.take("par", uri)
        if pushed is None:
            raise RefusedError("invalid_request", "request_uri is unknown or used")
        if pushed["client_id"] != client_id:
            raise RefusedError("invalid_request", "request_uri is another client's")
        self._return_address(pushed)  # of a process with another configuration, perhaps
        return AuthorizationRequest.from_json(pushed)

    def _client(self, parameters: Parameters) -> Client:
        client = self.protocol.clients.get(parameters.get("client_id", ""))
        if client is None:
            raise RefusedError("invalid_request", "client_id is missing or unknown")
        note(client=client.settings.id)
        return client

    def _return_address(self, parameters: Parameters) -> ReturnAddress:
        """Return where the answer goes: to a client and a redirect URI that are known.

        Raises ``RefusedError``, for our own page.
        """
        client = self._client(parameters)
        uri = parameters.get("redirect_uri", "")
        if uri not in client.settings.redirect_uris:
            # Without its query, which may have what a log must not have.
            path, query, _ = uri.partition("?")
            logger.warning(
                "The client %s has no redirect URI %s%s: add it to redirect_uris.",
                client.settings.id,
                shown(path),
                query and " with a query",
            )
            raise RefusedError(
                "invalid_request", "redirect_uri is missing or not registered"
            )
        return ReturnAddress(
            client_id=client.settings.id,
            redirect_uri=uri,
            state=parameters.get("state", ""),
        )

    # -- The clients' requests --------------------------------------------------------

    async def _par(self, request: Request, form: Parameters) -> Response:
        client = await self._authenticate(request, form)
        form["client_id"] = client.settings.id
        proof = await dpop.proved(request, self.store, self.protocol)
        form, signed = await opened(form, client, self.store, self.protocol)
        self._return_address(form)
        if proof is not None and form.setdefault("dpop_jkt", proof) != proof:
            raise dpop.refused("DPoP is by another key than dpop_jkt")
        asked = AuthorizationRequest.check(
            form, client.settings, signed=signed, pushed=True
        )
        uri = await self._push(asked)
        return json_response(
            {"request_uri": uri, "expires_in": PAR_SECONDS}, status=201
        )

    async def _token(self, request: Request, form: Parameters) -> Response:
        client = await self._authenticate(request, form)
        cors.check_origin_of(request, client)
        check_token(form)
        proof = await dpop.proved(request, self.store, self.protocol)
        if proof is None and client.profile.bound:
            raise dpop.refused("DPoP is missing: the client has to prove its key")
        await client.refresh_keys(None)  # those that the ID token is encrypted for
        code = form["code"]
        digest = hashlib.sha256(code.encode()).hexdigest()
        await self.protocol.keys.ready()  # or the code is kept for another try
        data = await self.store.take("code", code)
        if data is None:
            # A used code, perhaps: its token, which may still be in the making, is
            # refused from now on.
            seconds = TOKEN_SECONDS + CODE_SECONDS
            await self.store.put("replayed", digest, {}, seconds=seconds)
        record = None if data is None else CodeRecord.from_json(data)
        if record is not None and record.dpop_jkt not in ("", proof):
            raise RefusedError("invalid_grant", "DPoP is by another key than dpop_jkt")
        answer = await self.protocol.keys.run(
            lambda: self.protocol.token(client, form, record)
        )
        assert record is not None  # noqa: S101 - Authlib refuses the request without
        own = client.settings.id
        token = TokenRecord(
            own, record.scope, record.login, digest, proof or "", claims=record.claims
        )
        await self.store.put(
            "token", answer["access_token"], token.to_json(), seconds=TOKEN_SECONDS
        )
        if proof is not None:
            answer |= {"token_type": "DPoP"}
        return json_response(answer).with_headers(("Pragma", "no-cache"))

    async def _userinfo(self, request: Request, query: str) -> Response:
        authorization = _authorization(request)
        kind, _, value = authorization.partition(" ")
        record = None
        if kind.lower() in {"bearer", "dpop"}:
            data = await self.store.get("token", value.strip())
            record = None if data is None else TokenRecord.from_json(data)
        if record and await self.store.get("replayed", record.code_digest) is not None:
            record = None
        if record is not None:
            note(client=record.client_id)
        if record and kind.lower() == "dpop":
            proof = await dpop.proved(
                request, self.store, self.protocol, access_token=value.strip()
            )
            if proof is None or proof != record.jkt:
                raise dpop.refused("DPoP is missing or by another key", value)
        if record and (owner := self.protocol.clients.get(record.client_id)):
            await owner.refresh_keys(None)
        told = await self.protocol.keys.run(
            lambda: self.protocol.userinfo(authorization, record)
        )
        if isinstance(told, str):
            headers = [("Content-Type", "application/jwt")]
            headers.append(("Cache-Control", "no-store"))
            return Response(200, told.encode(), tuple(headers))
        return json_response(told)

    async def _authenticate(self, request: Request, form: Parameters) -> Client:
        """Return the client, whose assertion was not used before."""
        named, kid = peek(form.get("client_assertion", ""))
        if claimed := self.protocol.clients.get(named):
            await claimed.refresh_keys(kid)
        own = claimed_id(self.protocol.clients, form, _authorization(request))
        note(client=own)  # also where its secret is wrong
        endpoint = request.path.removeprefix("/")
        client, jti = self.protocol.authenticate(
            endpoint, form, _authorization(request)
        )
        note(client=client.settings.id)
        if client.settings.authentication == "none":
            await self._login_page.admit(request, endpoint)  # anybody can say its id
        if jti is not None:
            key = f"{client.settings.id} {jti}"
            if not await self.store.add("jti", key, seconds=ASSERTION_SECONDS + 60):
                raise RefusedError("invalid_client", "jti was used before", status=401)
        return client

    # -- Logout -----------------------------------------------------------------------

    async def _logout(self, request: Request, query: str) -> Response:
        text = await self._form(request, query) if request.method == "POST" else query
        parameters = parse(text)
        own_form = request.method == "POST" and is_same_origin(
            request.headers, self._browsers.origin
        )
        if request.method == "POST" and not own_form:
            # Browsers send no cookie of ours with another site's POST.
            return redirect(f"{self.protocol.issuer}/logout?{urlencode(parameters)}")
        logout = self.protocol.logout(parameters)
        session = await self._browsers.session(request.headers)
        if session is not None:
            # The hint of a client that is gone does not say whose session it is.
            known = logout.claims is not None and logout.client is not None
            if not known and not own_form:
                return self._pages.confirm_logout(request)
            if logout.claims is not None and logout.client is not None:
                subject = session.login.subject_for(
                    logout.client.settings, self.protocol.keys
                )
                if subject != logout.claims.get("sub"):
                    raise RefusedError(
                        "invalid_request", "id_token_hint is another person's"
                    )
            await self._browsers.end(session)
            await self._login_page.logouts.end(session)
            events = self.service.events
            context = events.context(request.headers, request.client)
            events.logged_out(context, session.login.satu)
        if logout.redirect_uri is not None:
            answer = redirect(logout.redirect_uri)
        else:
            answer = self._pages.logged_out(request)
        return answer.with_headers(self._browsers.forget(session))

    async def _form(self, request: Request, query: str) -> str:
        if query or not request.headers.announce(_FORM):
            raise RefusedError("invalid_request", f"The request is not {_FORM}")
        body = await read_body(
            request.body, max_bytes=MAX_BODY_BYTES, seconds=BODY_SECONDS
        )
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise RefusedError("invalid_request", "The form is not UTF-8") from None


def _authorization(request: Request) -> str:
    found = request.headers.all("Authorization")
    if len(found) > 1:
        raise RefusedError("invalid_request", "Authorization is repeated")
    return found[0] if found else ""
