# SPDX-License-Identifier: MIT
"""A service with card login on a framework, which listens on a socket.

``python -m tests.kortilla.serving ADAPTER LISTENER FOLDER REDIS``: the socket's number,
the folder of the test CA, and a URL, or an empty text, which means memory.
"""

import socket
import sys
from typing import Any

import uvicorn
from aiohttp import web
from django.core.asgi import get_asgi_application
from starlette import requests, responses
from starlette.applications import Starlette

import kortilla.aiohttp
import kortilla.django
import kortilla.starlette
from kortilla import LoginService
from tests.kortilla.django_service import set_up_django
from tests.kortilla.pki import ORIGIN
from tests.kortilla.service import RECENT, make_service, told


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


def make_django(service: LoginService, options: dict[str, Any]) -> Any:
    """Return a service on Django, of which a process can have one."""
    set_up_django(service, options)
    return kortilla.django.bounded(get_asgi_application())


ADAPTERS = {
    "aiohttp": make_aiohttp,
    "starlette": make_starlette,
    "django": make_django,
}


def main(adapter: str, number: str, folder: str, redis: str) -> None:
    """Run a service until SIGTERM."""
    service, options, _ = make_service(folder, redis)
    app = ADAPTERS[adapter](service, options)
    listener = socket.socket(fileno=int(number))
    if isinstance(app, web.Application):
        web.run_app(app, sock=listener)
    else:
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
