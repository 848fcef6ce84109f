# SPDX-License-Identifier: MIT
"""The Flask service with card login, for a WSGI server."""

from typing import Any

import flask
from flask import Flask, Response, jsonify

import kortilla.flask
from kortilla import LoginService
from kortilla.revocation import By
from tests.kortilla.pki import ORIGIN
from tests.kortilla.service import RECENT, lasting_service, told, with_process


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


def wsgi(folder: str, redis: str, by: By | None = None) -> Any:
    """Return the Flask service for a WSGI server; ``by`` checks revocation."""
    return with_process(make_flask(*lasting_service(folder, redis, by)))
