# SPDX-License-Identifier: MIT
"""The demo's routes: a start page, a page with the person's name, and signing."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from kortilla.aiohttp import (
    current_identity,
    end_session,
    is_same_origin,
    setup,
)
from kortilla.revocation import RevocationChecker
from kortilla.validation.trust import Trust
from kortilla.web.login import LoginService
from kortilla.web.sessions import BrowserSessions, SessionStore
from tools.demo.site import pages
from tools.demo.site.answers import (
    catalogues,
    error_page,
    error_pages,
    language_of,
    languages,
    page,
    preferred_language,
)
from tools.demo.site.tls_login import VERSIONS, GateSettings, TlsLogin

if TYPE_CHECKING:
    from tools.demo.site.signing import SigningDesk

_STATIC = Path(str(resources.files("tools.demo.site") / "static"))


def create_demo(
    *,
    origin: str,
    trust: Trust,
    revocation: RevocationChecker | None = None,
    gates: GateSettings | None = None,
) -> web.Application:
    """Return the demo as an application for ``origin``.

    ``trust`` is for the cards that may log in: for mock cards, the mock CA with
    ``test=True``. Without pyHanko (``kortilla[signing]``) the demo shows that it can't
    sign. With ``gates`` it also accepts the card as a TLS client certificate.
    """
    app = web.Application(middlewares=[error_pages])
    store = SessionStore()
    service = LoginService(origin=origin, trust=trust, revocation=revocation)
    setup(app, service, sessions=store)
    signing = _signing_desk(service, store)
    if gates is not None:
        TlsLogin(
            gates,
            origin=origin,
            trust=trust,
            revocation=service.revocation,
            sessions=BrowserSessions(store, secure=origin.startswith("https:")),
        ).add_to(app)
    demo = _Demo(origin, signing, tuple(VERSIONS) if gates else ())
    app.router.add_get("/", _choose_language)
    for language in languages():
        app.router.add_get(f"/{language}/", demo.start)
        app.router.add_get(f"/{language}/session", demo.session)
        app.router.add_post(f"/{language}/logout", demo.logout)
        if signing is None:
            app.router.add_get(f"/{language}/sign", demo.no_signing)
    if signing is not None:
        signing.add_to(app)
    _add_files(app)
    return app


def _add_files(app: web.Application) -> None:
    """Serve the demo's own files, each at its own route.

    Unlike aiohttp's static route it builds no path from a request, so that a name that
    is too long for the file system is no server error.
    """
    for file in _STATIC.rglob("*.*"):

        async def serve(_: web.Request, file: Path = file) -> web.FileResponse:
            return web.FileResponse(file)

        app.router.add_get(f"/static/{file.relative_to(_STATIC).as_posix()}", serve)


def _signing_desk(service: LoginService, store: SessionStore) -> "SigningDesk | None":
    """Return the routes for signing, or None without pyHanko."""
    try:
        from tools.demo.site.signing import SigningDesk
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyhanko":
            raise
        return None
    return SigningDesk(
        origin=service.origin,
        trust=service.trust,
        revocation=service.revocation,
        sessions=BrowserSessions(store, secure=service.origin.startswith("https:")),
    )


class _Demo:
    """The pages of login and session."""

    def __init__(
        self, origin: str, signing: "SigningDesk | None", versions: tuple[str, ...]
    ) -> None:
        self._origin = origin
        self._signing = signing
        self._versions = versions

    async def start(self, request: web.Request) -> web.Response:
        language = language_of(request)
        if await current_identity(request) is not None:
            raise web.HTTPFound(f"/{language}/session")
        return page(pages.start(language, catalogues(), self._versions))

    async def session(self, request: web.Request) -> web.Response:
        language = language_of(request)
        identity = await current_identity(request)
        if identity is None:
            raise web.HTTPFound(f"/{language}/")
        return page(pages.session(language, catalogues(), identity))

    async def logout(self, request: web.Request) -> web.Response:
        if not is_same_origin(request, self._origin):
            return error_page(request, 403, "ORIGIN_REFUSED")
        if self._signing is not None:
            self._signing.forget(request)
        # Returned, not raised: an exception would not delete the cookie.
        location = f"/{language_of(request)}/"
        response = web.Response(status=303, headers={"Location": location})
        await end_session(request, response)
        return response

    async def no_signing(self, request: web.Request) -> web.Response:
        return error_page(request, 503, "SIGNING_UNAVAILABLE")


async def _choose_language(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"/{preferred_language(request)}/")
