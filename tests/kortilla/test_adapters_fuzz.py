# SPDX-License-Identifier: MIT
"""No request causes a 500 on any framework."""

import json
import socket
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kortilla.browser import COOKIE
from tests.kortilla.pki import ORIGIN
from tests.kortilla.sites import RunningSite
from tests.support.patience import patience

_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["authToken", "nonce", "format", "signature", "algorithm"])
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
_NAMES = [
    "Accept", "Accept-Language", "Authorization", "Content-Encoding", "Content-Type",
    "Cookie", "Expect", "Forwarded", "Host", "If-None-Match", "Origin", "Range",
    "Sec-Fetch-Site", "X-Forwarded-For", "X-HTTP-Method-Override",
]  # fmt: skip
_VALUES = [
    "gzip", "text/html", "same-origin", "100-continue", "bytes=5-1",
    f"{COOKIE}={'x' * 43}", f'{COOKIE}="\\',
]  # fmt: skip
_HEADERS = st.lists(
    st.tuples(st.sampled_from(_NAMES), _TEXT | st.sampled_from(_VALUES)), max_size=3
)
_PATHS = st.sampled_from(
    [
        *(f"/auth/{route}" for route in ("challenge", "login", "logout")),
        *("/auth/static/kortilla.js", "/auth/openapi.json", "/who", "/leave"),
    ]
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "TRACE"]),
    path=_PATHS | _PATHS | _TEXT.map(lambda text: f"/auth/{quote(text)}"),
    headers=_HEADERS,
    body=_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
    usual=st.booleans(),
)
def test_nothing_that_a_client_sends_is_an_error_of_the_server(
    site: RunningSite,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes,
    usual: bool,
) -> None:
    lines = [f"{method} {path} HTTP/1.1", "Connection: close", *map(": ".join, headers)]
    known = {name for name, _ in headers}
    if "Host" not in known:
        lines.append("Host: 127.0.0.1")
    if usual and "Origin" not in known:
        lines.append(f"Origin: {ORIGIN}")
    if usual and "Content-Type" not in known:
        lines.append("Content-Type: application/json")
    lines += [f"Content-Length: {len(body)}", "", ""]
    with socket.create_connection(
        ("127.0.0.1", site.port), timeout=patience()
    ) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + body)
        answer = b""
        while b"\r\n" not in answer and (more := connection.recv(4096)):
            answer += more
    assert answer.split()[1][:1] in {b"2", b"3", b"4"}, answer
