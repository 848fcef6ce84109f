# SPDX-License-Identifier: MIT
"""A running server conforms to the OpenAPI description of the routes."""

import json
import re
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from kortilla.web.http import packaged_files
from tests.kortilla.browser import Browser, log_in
from tests.kortilla.pki import ORIGIN, Leaf
from tests.kortilla.sites import Sites

DESCRIPTION = json.loads(
    (resources.files("kortilla.web") / "openapi.json").read_text("utf-8")
)
SETTINGS = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("path", DESCRIPTION["paths"])
def test_the_server_does_what_its_description_says(path: str, sites: Sites) -> None:
    # Each worker would take a third of a second for these imports, and make all
    # requests of ``schema.parametrize``, while it collects the tests.
    import schemathesis  # noqa: PLC0415
    from schemathesis.checks import not_a_server_error  # noqa: PLC0415
    from schemathesis.core.result import Ok  # noqa: PLC0415
    from schemathesis.pytest.lazy import get_all_tests  # noqa: PLC0415
    from schemathesis.specs.openapi import checks  # noqa: PLC0415

    every = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
        checks.negative_data_rejection,
        checks.unsupported_method,
    ]
    url = str(sites.start("aiohttp-memory").make_url("/auth"))

    def check(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=url, checks=every)
        case.call_and_validate(base_url=url, headers={"Origin": ORIGIN}, checks=every)
        page = {"Origin": ORIGIN, "Accept": "text/html"}
        case.call_and_validate(base_url=url, headers=page, checks=every)

    schema = schemathesis.openapi.from_dict(DESCRIPTION).include(path=path)
    asked = get_all_tests(
        schema=schema, test_func=check, settings=SETTINGS, given_kwargs={}
    )
    [(_, ask)] = [each.ok() for each in asked if isinstance(each, Ok)]
    ask()


def test_it_describes_each_route_and_nothing_else() -> None:
    assert set(DESCRIPTION["paths"]) == {"/challenge", "/login", "/logout"}
    assert (
        packaged_files()["/openapi.json"].content
        == json.dumps(DESCRIPTION, indent=2, ensure_ascii=False).encode() + b"\n"
    )


async def test_a_login_that_works_is_as_described(sites: Sites, leaf: Leaf) -> None:
    browser = Browser(sites.start("aiohttp-memory"))
    schemas = DESCRIPTION["components"]["schemas"]
    nonce = await browser.challenge()
    assert re.search(schemas["Challenge"]["properties"]["nonce"]["pattern"], nonce)
    token = leaf.token(nonce=nonce)
    described = schemas["Token"]["properties"]
    assert set(token) == set(described)
    assert token["algorithm"] in described["algorithm"]["enum"]
    assert re.search(described["format"]["pattern"], token["format"])
    status, person = await log_in(browser, leaf)
    assert status == 200
    assert set(person) == set(schemas["Person"]["properties"])
    assert re.search(schemas["Person"]["properties"]["satu"]["pattern"], person["satu"])
    await browser.http.close()
