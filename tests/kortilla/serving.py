# SPDX-License-Identifier: MIT
"""Services with card login, one per framework, in a separate process.

``python -m tests.kortilla.serving FOLDER ADAPTER=REDIS…``, where FOLDER has the test CA
and REDIS is a URL or empty, which means memory. It prints the services' ports as a
list, and ends with its standard input.

``wsgi(FOLDER, REDIS)`` is the Django service for a WSGI server, and ``wsgi_flask`` the
one on Flask. ``sync`` and ``gthread`` are gunicorn's kinds of workers for Django, two
each; ``flask`` has two of the kind sync.
"""

import asyncio
import json
import os
import socket
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import flask
import uvicorn
from aiohttp import web
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from fastapi import FastAPI
from flask import Flask, Response, jsonify
from starlette import requests, responses
from starlette.applications import Starlette

import kortilla.aiohttp
import kortilla.django
import kortilla.flask
import kortilla.starlette
from kortilla import Identity, LoginService, Trust, background
from kortilla.errors import RateLimitedError
from kortilla.events import Event
from kortilla.redis import RedisStores
from kortilla.revocation import By, Revocation
from kortilla.web.rate_limit import Attempt
from kortilla.web.refusals import Refusals
from tests.kortilla.pki import NOW, ORIGIN

__all__ = ["ADAPTERS"]

#: A client with this address has exceeded its rate limit.
BUSY = "127.0.0.2"
#: The age of a login that is recent.
RECENT = timedelta(minutes=10)
#: A busy machine may take a while to send a body whole.
BODY_SECONDS = 3


def now() -> datetime:
    """The time at which the tests' certificates are valid."""
    return NOW


async def limit(attempt: Attempt) -> None:
    """Refuse one address on every route."""
    assert attempt.route in {"challenge", "login", "logout"}
    if attempt.client == BUSY:
        raise RateLimitedError(retry_after=7)


def broken(_: Event) -> None:
    """Fail at each event: it must not matter to any login."""
    raise ValueError


def told(
    identity: Identity | None, recent: Identity | None, session: str | None
) -> dict[str, Any]:
    """Return the response of ``/who``."""
    return {
        "satu": identity and identity.satu,
        "recent": recent is not None,
        "session": session,
    }


def make_aiohttp(service: LoginService, options: dict[str, Any]) -> web.Application:
    """Return a service on aiohttp."""

    async def who(request: web.Request) -> web.Response:
        own = kortilla.aiohttp
        identity = await own.current_identity(request)
        recent = await own.current_identity(request, max_age=RECENT)
        return web.json_response(told(identity, recent, await own.session_id(request)))

    async def leave(request: web.Request) -> web.Response:
        if not kortilla.aiohttp.is_same_origin(request, ORIGIN):
            raise web.HTTPForbidden
        response = web.json_response({})
        if satu := request.query.get("satu"):
            await kortilla.aiohttp.end_sessions(request, satu)
        else:
            await kortilla.aiohttp.end_session(request, response)
        return response

    app = web.Application()
    app.add_routes([web.get("/who", who), web.post("/leave", leave)])
    kortilla.aiohttp.setup(app, service, **options)
    return app


async def who(request: requests.Request) -> responses.Response:
    """Respond with the person who is logged in."""
    own = kortilla.starlette
    identity = await own.current_identity(request)
    recent = await own.current_identity(request, max_age=RECENT)
    return responses.JSONResponse(told(identity, recent, await own.session_id(request)))


async def leave(request: requests.Request) -> responses.Response:
    """End the session."""
    if not kortilla.starlette.is_same_origin(request, ORIGIN):
        return responses.Response(status_code=403)
    response = responses.JSONResponse({})
    if satu := request.query_params.get("satu"):
        await kortilla.starlette.end_sessions(request, satu)
    else:
        await kortilla.starlette.end_session(request, response)
    return response


def make_starlette(service: LoginService, options: dict[str, Any]) -> Starlette:
    """Return a service on Starlette."""
    app = Starlette()
    app.add_route("/who", who)
    app.add_route("/leave", leave, methods=["POST"])
    kortilla.starlette.setup(app, service, **options)
    return app


def make_fastapi(service: LoginService, options: dict[str, Any]) -> FastAPI:
    """Return a service on FastAPI."""
    app = FastAPI()
    app.get("/who", response_model=None)(who)
    app.post("/leave", response_model=None)(leave)
    kortilla.starlette.setup(app, service, **options)
    return app


def set_up_django(service: LoginService, options: dict[str, Any]) -> None:
    """Configure this process's Django as a service: one view of each kind."""

    def who(request: HttpRequest) -> HttpResponse:
        current = async_to_sync(kortilla.django.current_identity)
        session = async_to_sync(kortilla.django.session_id)(request)
        return JsonResponse(
            told(current(request), current(request, max_age=RECENT), session)
        )

    async def leave(request: HttpRequest) -> HttpResponse:
        if not kortilla.django.is_same_origin(request, ORIGIN):
            return HttpResponse(status=403)
        response = JsonResponse({})
        if satu := request.GET.get("satu"):
            await kortilla.django.end_sessions(request, satu)
        else:
            await kortilla.django.end_session(request, response)
        return response

    leave.csrf_exempt = True  # type: ignore[attr-defined] # Django's own way to say it
    addresses = ModuleType("addresses")
    addresses.urlpatterns = [  # type: ignore[attr-defined] # as urls.py has it
        path("who", who),
        path("leave", leave),
        path("auth/", include(kortilla.django.urls(service, **options))),
    ]
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "kortilla.django.StoreUnavailableMiddleware",
        ],
        ROOT_URLCONF=addresses,
        SECRET_KEY="x",
    )
    django.setup()


def make_django(service: LoginService, options: dict[str, Any]) -> Any:
    """Return a service on Django, of which a process can have one."""
    set_up_django(service, options)
    return kortilla.django.bounded(get_asgi_application())


ADAPTERS = {
    "aiohttp": make_aiohttp,
    "starlette": make_starlette,
    "fastapi": make_fastapi,
    "django": make_django,
}


def make_service(
    folder: str, redis: str, revocation: Revocation | None = None
) -> tuple[LoginService, dict[str, Any], RedisStores | None]:
    """Return a service, the options of its set-up, and its stores."""
    stores = RedisStores.from_url(redis, seconds=10, clock=now) if redis else None
    service = LoginService(
        origin=ORIGIN,
        trust=Trust.from_folder(Path(folder), test=True),
        revocation=revocation,
        challenges=stores.challenges if stores else None,
        rate_limit=limit,
        refusals=Refusals(texts={"fi": {"home": "Etusivulle <oma>"}}),
        on_event=broken,
        pseudonym_key=bytes(32),
        clock=now,
    )
    options = {
        "sessions": stores.sessions if stores else None,
        "body_seconds": BODY_SECONDS,
    }
    return service, options, stores


def make_flask(service: LoginService, options: dict[str, Any]) -> Flask:
    """Return a service on Flask."""
    app = Flask("service")

    @app.get("/who")
    def who() -> Response:
        own = kortilla.flask
        identity, recent = own.current_identity(), own.current_identity(max_age=RECENT)
        return jsonify(told(identity, recent, own.session_id()))

    @app.post("/leave")
    def leave() -> Response:
        if not kortilla.flask.is_same_origin(ORIGIN):
            return Response(status=403)
        response = jsonify({})
        if satu := flask.request.args.get("satu"):
            kortilla.flask.end_sessions(satu)
        else:
            kortilla.flask.end_session(response)
        return response

    kortilla.flask.setup(app, service, sessions=options["sessions"])
    return app


def wsgi_flask(folder: str, redis: str, by: By | None = None) -> Any:
    """Return the Flask service for a WSGI server; ``by`` checks revocation."""
    return _with_process(make_flask(*_lasting_service(folder, redis, by)))


def wsgi(folder: str, redis: str, by: By | None = None) -> Any:
    """Return the Django service for ``wsgi.py``; ``by`` checks revocation."""
    set_up_django(*_lasting_service(folder, redis, by))
    return _with_process(get_wsgi_application())


def _lasting_service(
    folder: str, redis: str, by: By | None
) -> tuple[LoginService, dict[str, Any]]:
    """Return a service that closes what it uses when the process ends."""
    revocation = by and Revocation(by=by, allow_private_addresses=True, clock=now)
    service, options, stores = make_service(folder, redis, revocation or None)
    for one in (revocation, stores):
        if one:
            background.at_exit(one.close)
    return service, options


def _with_process(application: Any) -> Any:
    """Wrap a WSGI application."""

    def answer(environ: Any, start_response: Any) -> Any:
        """Add the worker's process id to the response."""
        mine = ("X-Process", str(os.getpid()))
        return application(environ, lambda s, h, *e: start_response(s, [*h, mine], *e))

    return answer


async def serve_wsgi(
    kind: str, redis: str, folder: str, listener: socket.socket, stop: asyncio.Event
) -> None:
    """Run a service under gunicorn until it is stopped."""
    application, kind = ("wsgi_flask", "sync") if kind == "flask" else ("wsgi", kind)
    options = [
        "--worker-class",
        kind,
        "--workers=2",
        "--threads=4",
        "--no-control-socket",
    ]
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gunicorn", *options),
        *("--bind", f"fd://{listener.fileno()}"),
        f"{__spec__.name}:{application}({str(folder)!r}, {redis!r})",
        pass_fds=[listener.fileno()],
    )
    await stop.wait()
    running.terminate()
    assert await running.wait() == 0


async def serve(
    adapter: str, redis: str, folder: str, listener: socket.socket, stop: asyncio.Event
) -> None:
    """Run one service until it is stopped."""
    if adapter not in ADAPTERS:
        await serve_wsgi(adapter, redis, folder, listener, stop)
        return
    service, options, stores = make_service(folder, redis)
    app = ADAPTERS[adapter](service, options)
    if isinstance(app, web.Application):
        runner = web.AppRunner(app)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        await stop.wait()
        await runner.cleanup()
    else:
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        )
        running = asyncio.create_task(server.serve([listener]))
        await stop.wait()
        server.should_exit = True
        await running
    if stores:
        await stores.close()


async def main(folder: str, *wanted: str) -> None:
    """Run all requested services."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as services:
        ports = []
        for adapter, _, redis in (item.partition("=") for item in wanted):
            # asyncio sends at once (TCP_NODELAY) only if the protocol is explicit.
            kind = socket.SOCK_STREAM, socket.IPPROTO_TCP
            listener = socket.socket(socket.AF_INET, *kind)
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            ports.append(listener.getsockname()[1])
            services.create_task(serve(adapter, redis, folder, listener, stop))
        print(json.dumps(ports), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        stop.set()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
