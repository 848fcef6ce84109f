# SPDX-License-Identifier: MIT
"""Errors for developers who set up card login in a way that can't work."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fastapi import Depends, FastAPI
from flask import Flask, jsonify
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import kortilla.aiohttp
import kortilla.flask
import kortilla.starlette
from kortilla import Identity, LoginService, Trust
from kortilla.web.sessions import SessionStore
from tests.kortilla.browser import Client
from tests.kortilla.pki import NOW, ORIGIN, SATU, Leaf
from tests.support import warm_python

STARLETTES: list[Callable[[], Starlette]] = [Starlette, FastAPI]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def service(trust: Trust) -> LoginService:
    return LoginService(origin=ORIGIN, trust=trust, clock=lambda: NOW)


@contextmanager
def told(*words: str) -> Iterator[None]:
    """Expect a configuration error with these words."""
    with pytest.raises(RuntimeError) as caught:
        yield
    for word in words:
        assert word in str(caught.value)


# --- a second login


@pytest.mark.parametrize(
    ("make", "setup"),
    [
        (web.Application, kortilla.aiohttp.setup),
        *((make, kortilla.starlette.setup) for make in STARLETTES),
        (partial(Flask, "service"), kortilla.flask.setup),
    ],
)
def test_a_second_setup_is_refused(
    make: Callable[[], Any], setup: Callable[..., None], service: LoginService
) -> None:
    app = make()
    setup(app, service)
    with told("setup() was called", "application of its own"):
        setup(app, service, prefix="/other")
    setup(make(), service)


@pytest.mark.parametrize("make", [web.Application, *STARLETTES])
async def test_the_service_is_closed_with_the_application(
    make: Callable[[], Any], service: LoginService, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    async def note() -> None:
        closed.append(True)

    monkeypatch.setattr(service, "close", note)
    app = make()
    if isinstance(app, web.Application):
        kortilla.aiohttp.setup(app, service)
        running: Any = TestServer(app)
    else:
        kortilla.starlette.setup(app, service)
        running = app.router.lifespan_context(app)
    async with running:
        assert not closed
    assert closed == [True]


@pytest.mark.parametrize("make", STARLETTES)
async def test_the_prefix_of_a_proxy_may_be_there_or_stripped(
    make: Callable[[], Starlette], service: LoginService
) -> None:
    app = make()
    kortilla.starlette.setup(app, service, prefix="/in")
    for path, root_path in (
        ("/in/challenge", ""),
        ("/in/challenge", "/shop"),
        ("/shop/in/challenge", "/shop"),
    ):
        assert await Client(app, root_path).post(path, {})


# --- no login


async def who(request: web.Request) -> web.Response:
    """Respond with the person who is logged in, on aiohttp."""
    identity = await kortilla.aiohttp.current_identity(request)
    return web.json_response({"satu": identity and identity.satu})


async def test_aiohttp_without_setup(caplog: pytest.LogCaptureFixture) -> None:
    app = web.Application()
    app.router.add_get("/who", who)
    async with TestServer(app) as server:
        assert (await Client(server).ask("GET", "/who"))[0] == 500
    assert "Card login is not set up: call setup(app, service)" in caplog.text


async def test_on_aiohttp_a_mounted_application_has_the_login_around_it(
    service: LoginService, leaf: Leaf
) -> None:
    app, mounted = web.Application(), web.Application()
    kortilla.aiohttp.setup(app, service)
    for each in (app, mounted):
        each.router.add_get("/who", who)
    app.add_subapp("/mounted", mounted)
    async with TestServer(app) as server:
        client = Client(server)
        await client.log_in(leaf)
        for path in ("/who", "/mounted/who"):
            assert await client.get(path) == {"satu": SATU}


def mounting(mounted: Starlette) -> Starlette:
    """Return an application with a mounted one; both show who is logged in."""

    async def who(request: Request) -> JSONResponse:
        identity = await kortilla.starlette.current_identity(request)
        return JSONResponse({"satu": identity and identity.satu})

    mounted.add_route("/who", who)
    app = Starlette(routes=[Route("/who", who)])
    app.mount("/mounted", mounted)
    return app


@pytest.mark.parametrize("make", STARLETTES)
async def test_starlette_without_setup_or_mounted(
    make: Callable[[], Starlette], service: LoginService, leaf: Leaf
) -> None:
    mounted = make()
    app = mounting(mounted)
    with told("not set up", "call setup(app, service)"):
        await Client(app).get("/who")
    sessions = SessionStore()
    kortilla.starlette.setup(app, service, sessions=sessions)
    client = Client(app)
    assert await client.get("/who") == {"satu": None}
    with told("mounted", "same service and the same sessions"):
        await client.get("/mounted/who")
    # As it is told:
    kortilla.starlette.setup(mounted, service, sessions=sessions)
    await client.log_in(leaf)
    for path in ("/who", "/mounted/who"):
        assert await client.get(path) == {"satu": SATU}


async def test_fastapi_without_setup() -> None:
    app = FastAPI()
    person = Depends(kortilla.starlette.current_identity)

    @app.get("/who")
    async def who(person: Annotated[Identity | None, person]) -> str:
        raise AssertionError(person)

    with told("Card login is not set up"):
        await Client(app).get("/who")


# --- a login that no request reaches


async def everything(_: web.Request) -> web.Response:
    """Respond to any request, on aiohttp."""
    return web.Response(text="everything")


AIOHTTP: dict[str, Callable[[web.Application], Any]] = {
    "/auth/{tail}": lambda app: app.router.add_route(
        "*", "/auth/{tail:.*}", everything
    ),
    "/auth/challenge": lambda app: app.router.add_post("/auth/challenge", everything),
    "/auth/static": lambda app: app.router.add_static("/auth/static", REPOSITORY),
    "/auth": lambda app: app.add_subapp("/auth", web.Application()),
}


@pytest.mark.parametrize("what", AIOHTTP)
async def test_aiohttp_does_not_start_where_another_route_comes_first(
    what: str, service: LoginService
) -> None:
    app = web.Application()
    AIOHTTP[what](app)
    kortilla.aiohttp.setup(app, service)
    with told("can't be reached", what):
        await TestServer(app).start_server()


async def test_aiohttp_prefers_card_login_to_a_route_for_everything(
    service: LoginService,
) -> None:
    inner = web.Application()
    for app in (outer := web.Application(), inner):
        app.router.add_route("*", "/{tail:.*}", everything)
        kortilla.aiohttp.setup(app, service)
    outer.add_subapp("/inner", inner)
    async with TestServer(outer) as server:
        for prefix in ("", "/inner"):
            assert await Client(server).post(f"{prefix}/auth/challenge", {})


async def anything(_: Request) -> JSONResponse:
    """Respond to any request, on Starlette."""
    return JSONResponse("anything")


STARLETTE: dict[str, Mount | Route] = {
    "files": Mount("/", StaticFiles(directory=REPOSITORY)),
    "a path": Route("/{path:path}", anything),
    "the prefix": Mount("/auth", Starlette()),
    "one route": Route("/auth/challenge", anything, methods=["POST"]),
}


@pytest.mark.parametrize("make", STARLETTES)
@pytest.mark.parametrize("what", STARLETTE)
async def test_starlette_refuses_a_setup_after_what_takes_its_requests(
    what: str, make: Callable[[], Starlette], service: LoginService
) -> None:
    app = make()
    app.router.routes.append(STARLETTE[what])
    with told("can't be reached", repr(STARLETTE[what].path)):
        kortilla.starlette.setup(app, service)
    # In the other order it works.
    app = make()
    kortilla.starlette.setup(app, service)
    app.router.routes.append(STARLETTE[what])
    assert await Client(app).post("/auth/challenge", {})


# --- Flask


@pytest.fixture
def flask_app() -> Flask:
    app = Flask("service")
    app.testing = True  # errors reach the test
    app.add_url_rule("/who", "who", lambda: jsonify(kortilla.flask.session_id()))
    return app


async def test_flask_without_setup(flask_app: Flask) -> None:
    with told("call setup(app, service)"):
        await Client(flask_app).get("/who")


@pytest.mark.parametrize(
    ("rule", "method", "first"),
    [
        ("/auth/challenge", "POST", True),
        ("/auth/challenge", "POST", False),
        ("/auth/static/kortilla.js", "GET", False),
        ("/auth/<name>", "POST", True),
    ],
)
async def test_on_flask_a_route_on_a_path_of_card_login_is_named(
    flask_app: Flask, service: LoginService, rule: str, method: str, first: bool
) -> None:
    def take() -> None:
        def taking(name: str = "") -> str:
            return name

        flask_app.add_url_rule(rule, "taking", taking, methods=[method])

    if first:
        take()
    kortilla.flask.setup(flask_app, service)
    if not first:
        take()
    with told("can't be reached: 'taking' takes /auth/"):
        await Client(flask_app).get("/who")


async def test_on_flask_card_login_comes_before_a_route_for_everything(
    flask_app: Flask, service: LoginService
) -> None:
    methods = ["GET", "POST"]
    flask_app.add_url_rule("/<path:path>", "all", lambda path: path, methods=methods)
    kortilla.flask.setup(flask_app, service)
    assert await Client(flask_app).post("/auth/challenge", {})


async def test_flasks_own_limit_of_a_body(
    flask_app: Flask, service: LoginService
) -> None:
    flask_app.config["MAX_CONTENT_LENGTH"] = 10
    kortilla.flask.setup(flask_app, service)
    status, answer = await Client(flask_app).ask(
        "POST", "/auth/challenge", {"x": "y" * 100}
    )
    assert (status, answer["error"]["code"]) == (413, "BODY_TOO_LARGE")


# --- Django, of which a process has one

DJANGO = """
import sys
from types import ModuleType

import django
from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.test import Client
from django.urls import include, path, re_path

from kortilla import LoginService, Trust
from kortilla.django import current_identity, urls

case, folder = sys.argv[1:]
service = LoginService(
    origin="https://service.example", trust=Trust.from_folder(folder, test=True)
)

def who(request):
    identity = async_to_sync(current_identity)(request)
    return JsonResponse({"satu": identity and identity.satu})

def everything(request, **_):
    return HttpResponse("everything")

addresses = ModuleType("addresses")
mine = [path("who", who)]
login = lambda: [path("auth/", include(urls(service)))]
late = re_path("^.*$", everything)
addresses.urlpatterns = {
    "none": lambda: mine,
    "first": lambda: [*mine, *login(), late],
    "late": lambda: [*mine, late, *login()],
    "partly": lambda: [*mine, path("auth/static/<path:p>", everything), *login()],
    "namespace": lambda: [*mine, path("auth/", include((urls(service), "cards")))],
    "twice": lambda: [*mine, *login(), *login()],
}[case]()
settings.configure(
    ALLOWED_HOSTS=["*"],
    FORCE_SCRIPT_NAME="/shop",
    ROOT_URLCONF=addresses,
    SECRET_KEY="x",
)
django.setup()
print(Client().get("/who").content.decode())
"""


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("first", ""),
        ("namespace", ""),
        ("none", "Card login is not set up: urls.py has no include(urls(service))."),
        ("late", "'^.*$' takes /shop/auth/challenge before it does."),
        ("partly", "'auth/static/<path:p>' takes /shop/auth/static/kortilla.js before"),
        ("twice", "urls() was called before, and a process has one login."),
    ],
)
def test_django(case: str, words: str, trust_folder: Path) -> None:
    # The first case imports all itself, so that a warning at an import is an error.
    imports: dict[str, Any] = {"imports": ()} if case == "first" else {}
    done = warm_python.run(
        [sys.executable, "-W", "error", "-c", DJANGO, case, trust_folder], **imports
    )
    if words:
        assert done.returncode == 1
        error = done.stderr.strip().splitlines()[-1]
        assert error.startswith("RuntimeError: ")
        assert words in error
    else:
        assert done.stdout == '{"satu": null}\n', done.stderr
