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


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("http://service.example", "http;"),
        ("http://localhost:8080", "allow_localhost"),
        ("ftp://service.example", "not https"),
        ("https://service.example/", "more than scheme"),
        ("https://service.example/path", "more than scheme"),
        ("https://service.example?q", "more than scheme"),
        ("https://service.example#f", "more than scheme"),
        ("https://service.example\n", "not a name"),
        ("https://user@service.example", "user information"),
        ("https://user:pw@service.example", "user information"),
        ("https://pääsy.example", "ASCII"),
        ("https://service.example\u202e", "ASCII"),
        ("https://" + "a." * 124 + "example", "longer than 255"),
        ("https://", "not a name"),
        ("https://-a.example", "not a name"),
        ("https://a..example", "not a name"),
        ("https://Service.example", "not a name"),
        ("https://1.2.3.400", "not a name"),
        ("https://010.2.3.4", "not a name"),
        ("https://[::1", "more than scheme"),
        ("https://[2001:DB8::1]", "not a name"),
        ("https://[fe80::1%eth0]", "more than scheme"),
        ("https://[::1%\nbank.example]", "more than scheme"),
        ("https://service.example:443", "port"),
        ("https://service.example:", "port"),
        ("https://service.example:0", "port"),
        ("https://service.example:65536", "port"),
        ("https://service.example:08443", "port"),
        ("null", "not of the form"),
        ("", "not of the form"),
        (" https://service.example", "not of the form"),
        ("HTTPS://service.example", "not of the form"),
        ("https:service.example", "not of the form"),
    ],
)
def test_anything_else_is_refused_and_the_reason_named(origin: str, named: str) -> None:
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
