# SPDX-License-Identifier: MIT
"""Flask: set-ups that can't work, and Flask's own settings."""

import json
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient

import kortilla.flask
from kortilla import LoginService, Trust
from kortilla.web.routes import MAX_BODY_BYTES
from tests.kortilla.pki import NOW, ORIGIN, SATU, Leaf

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


def test_a_login(app: Flask, service: LoginService, leaf: Leaf) -> None:
    kortilla.flask.setup(app, service)
    client = app.test_client()
    nonce = post(client, "/auth/challenge", {}).json["nonce"]
    token = leaf.token(nonce=nonce)
    assert post(client, "/auth/login", {"authToken": token}).status_code == 200
    assert client.get("/who", base_url=ORIGIN).json == {"satu": SATU}


def test_a_second_setup_is_refused(app: Flask, service: LoginService) -> None:
    kortilla.flask.setup(app, service)
    with pytest.raises(RuntimeError, match="was called on this application before"):
        kortilla.flask.setup(app, service, prefix="/other")


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


@pytest.mark.parametrize("path", ["//challenge", "/challenge/", "/\n", "/%2e%2e/who"])
def test_an_odd_path_is_answered_by_card_login(
    app: Flask, service: LoginService, path: str
) -> None:
    kortilla.flask.setup(app, service)
    answer = post(app.test_client(), f"/auth{path}", {})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "NOT_FOUND")


def test_a_long_body_is_read_no_further(app: Flask, service: LoginService) -> None:
    kortilla.flask.setup(app, service)
    body = json.dumps({"authToken": "x" * MAX_BODY_BYTES})
    headers = {**HEADERS, "Content-Type": "application/json"}
    answer = app.test_client().post("/auth/login", data=body, headers=headers)
    assert answer.status_code == 413
