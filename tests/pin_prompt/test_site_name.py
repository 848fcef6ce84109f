# SPDX-License-Identifier: MIT
"""The part of an origin that identifies its owner, and its reading in other scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.pin_prompt.site_name import SiteName


@pytest.mark.parametrize(
    ("origin", "domain"),
    [
        ("https://www.kela.fi", "kela.fi"),
        ("https://kela.fi:8443", "kela.fi"),
        ("https://suomi.fi.login.example", "login.example"),
        ("https://www.bank.co.uk", "bank.co.uk"),
        ("https://somebody.github.io", "somebody.github.io"),
        ("https://a.b.xn--p1ai", "b.xn--p1ai"),
        ("https://www.kela.fi.", "kela.fi."),
        ("https://fi", "fi"),
        ("http://localhost:8080", "localhost"),
        ("https://127.0.0.1:8080", "127.0.0.1"),
        ("https://[::1]:8080", "::1"),
    ],
)
def test_the_registrable_domain_is_what_somebody_registered(
    origin: str, domain: str
) -> None:
    site = SiteName.of(origin)
    assert origin[site.start : site.end] == domain


@pytest.mark.parametrize(
    ("host", "read"),
    [
        ("www.xn--mller-kva.example", "www.müller.example"),
        ("xn--80ak6aa92e.com", "аррӏе.com"),
        ("service.example", None),
        ("xn--a.example", None),
        ("xn--.example", None),
        ("xn--abc-.example", None),
    ],
)
def test_international_names_read_in_their_own_letters(
    host: str, read: str | None
) -> None:
    assert SiteName.of(f"https://{host}").international == read


@pytest.mark.parametrize(
    "hidden", ["\u202eabc", "a\u200bc", "a\u2044c", "Ä", "a\u0308b"]
)
def test_what_only_looks_like_letters_stays_as_it_is(hidden: str) -> None:
    label = "xn--" + hidden.encode("punycode").decode()
    assert SiteName.of(f"https://{label}.example").international is None


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABEL | LABEL.map("xn--".__add__), min_size=1, max_size=6))
def test_the_origin_itself_is_never_changed(labels: list[str]) -> None:
    origin = f"https://{'.'.join(labels)}"
    site = SiteName.of(origin)
    assert site.origin == origin
    assert origin.endswith(origin[site.start : site.end])
    assert site.start < site.end
