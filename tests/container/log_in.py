# SPDX-License-Identifier: MIT
"""Logs a test user in at ``localhost:8080``, with the client in a file: log_in.py FILE.

It has no other packages than Python's own.
"""

import json
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

CALLBACK = "https://shop.example/callback"
#: A verifier and its S256 challenge (RFC 7636, appendix B).
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def send(method: str, path: str, body: str = "", **headers: str) -> tuple[str, str]:
    """Send a request, and return the address that it leads to, and the body."""
    connection = HTTPConnection("localhost", 8080, timeout=60)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status < 400, text
    return answer.headers.get("Location", ""), text


def main() -> None:
    """Log in, and print the user's name."""
    secret = json.loads(Path(sys.argv[1]).read_text())["client_secret"]
    asked = {
        "client_id": "shop",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid profile",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "login_hint": "SPECIMEN-VIRTANEN",
    }
    back, _ = send("GET", f"/authorize?{urlencode(asked)}")
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(back).query)["code"][0],
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": "shop",
        "client_secret": secret,
    }
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    _, tokens = send("POST", "/token", urlencode(form), **kind)
    access = json.loads(tokens)["access_token"]
    _, claims = send("GET", "/userinfo", Authorization=f"Bearer {access}")
    name = json.loads(claims)["name"]
    assert name == "AINO SPECIMEN-VIRTANEN", claims
    print(f"{name} logged in.")


if __name__ == "__main__":
    main()
