# SPDX-License-Identifier: MIT
"""The host accepts origins as browsers write them, and never corrects others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.errors import OriginRefusedError
from native_host.operations.request import check_origin


@pytest.mark.parametrize(
    "origin",
    [
        "https://service.example",
        "https://service.example:8443",
        "https://xn--pivnhoito-0zab.example",
        "https://a_b.service.example",
        "https://localhost",
        "https://192.0.2.7:444",
        "https://[2001:db8::1]",
        "https://" + "a" * 63 + ".example",
    ],
)
def test_an_origin_is_returned_byte_for_byte(origin: str) -> None:
    assert check_origin(origin) == origin


#: By what the error says.
REFUSED = {
    "http;": ["http://service.example"],
    "allow_localhost": ["http://localhost:8080"],
    "not https": ["ftp://service.example"],
    "more than scheme": [
        *(f"https://service.example{rest}" for rest in ("/", "/path", "?q", "#f")),
        *("https://[::1", "https://[fe80::1%eth0]", "https://[::1%\nbank.example]"),
    ],
    "user information": [f"https://{u}@service.example" for u in ("user", "user:pw")],
    "ASCII": ["https://pääsy.example", "https://service.example\u202e"],
    "longer than 255": ["https://" + "a." * 124 + "example"],
    "not a name": [
        *("https://", "https://-a.example", "https://a..example"),
        *("https://Service.example", "https://service.example\n"),
        *("https://1.2.3.400", "https://010.2.3.4", "https://[2001:DB8::1]"),
    ],
    "port": [
        f"https://service.example:{port}"
        for port in ("443", "", "0", "65536", "08443", "123456")
    ],
    "not of the form": [
        *("null", "", " https://service.example", "HTTPS://service.example"),
        "https:service.example",
    ],
}


@pytest.mark.parametrize(
    ("named", "origin"), [(named, each) for named in REFUSED for each in REFUSED[named]]
)
def test_anything_else_is_refused_and_the_reason_named(named: str, origin: str) -> None:
    with pytest.raises(OriginRefusedError, match=named):
        check_origin(origin)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_http_on_loopback_needs_the_developer_setting(host: str) -> None:
    origin = f"http://{host}:8080"
    assert check_origin(origin, allow_localhost=True) == origin
    with pytest.raises(OriginRefusedError):
        check_origin(origin)


@pytest.mark.parametrize(
    "origin",
    ["http://service.example", "http://localhost.service.example", "http://127.0.0.2"],
)
def test_the_developer_setting_admits_nothing_else(origin: str) -> None:
    with pytest.raises(OriginRefusedError):
        check_origin(origin, allow_localhost=True)


@given(st.text(max_size=300) | st.from_regex(r"https?://.{0,40}"))
def test_any_text_is_returned_unchanged_or_refused(text: str) -> None:
    try:
        assert check_origin(text) == text
    except OriginRefusedError:
        return
    assert text.startswith("https://")
    assert text.isascii()
    assert len(text) <= 255
