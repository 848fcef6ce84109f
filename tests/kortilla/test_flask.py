# SPDX-License-Identifier: MIT
"""Flask: set-ups that can't work, and Flask's own settings."""

from typing import Any

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient

import kortilla.flask
from kortilla import LoginService, Trust
from tests.kortilla.pki import NOW, ORIGIN

HEADERS = {"Origin": ORIGIN}


@pytest.fixture
def service(trust: Trust) -> LoginService:
    return LoginService(origin=ORIGIN, trust=trust, clock=lambda: NOW)


@pytest.fixture
def app() -> Flask:
    app = Flask("service")
    app.testing = True  # errors reach the test

    @app.get("/who")
    def who() -> Response:
        identity = kortilla.flask.current_identity()
        return jsonify({"satu": identity and identity.satu})

    return app


def post(client: FlaskClient, path: str, content: Any) -> Any:
    return client.post(path, json=content, headers=HEADERS, base_url=ORIGIN)


def test_without_setup(app: Flask) -> None:
    with pytest.raises(RuntimeError, match=r"call setup\(app, service\)"):
        app.test_client().get("/who")


@pytest.mark.parametrize(
    ("rule", "method", "first"),
    [
        ("/auth/challenge", "POST", True),
        ("/auth/challenge", "POST", False),
        ("/auth/static/kortilla.js", "GET", False),
        ("/auth/<name>", "POST", True),
    ],
)
def test_a_route_on_a_path_of_card_login_is_named(
    app: Flask, service: LoginService, rule: str, method: str, first: bool
) -> None:
    def take() -> None:
        app.add_url_rule(rule, "taking", lambda name="": name, methods=[method])

    if first:
        take()
    kortilla.flask.setup(app, service)
    if not first:
        take()
    with pytest.raises(RuntimeError, match="can't be reached: 'taking' takes /auth/"):
        app.test_client().get("/who")


def test_card_login_comes_before_a_route_for_everything(
    app: Flask, service: LoginService
) -> None:
    app.add_url_rule("/<path:path>", "all", lambda path: path, methods=["GET", "POST"])
    kortilla.flask.setup(app, service)
    assert post(app.test_client(), "/auth/challenge", {}).status_code == 200


def test_the_applications_own_limit_of_a_body(
    app: Flask, service: LoginService
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10
    kortilla.flask.setup(app, service)
    answer = post(app.test_client(), "/auth/challenge", {"x": "y" * 100})
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "BODY_TOO_LARGE")
