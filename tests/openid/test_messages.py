# SPDX-License-Identifier: MIT
"""Each mistake of an operator or a developer is named with what to do."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kortilla import LoginService, Trust
from kortilla.errors import ConfigurationError, TrustConfigurationError
from kortilla.openid import Settings, create_provider
from tests.openid.provider import (
    Answer,
    Browser,
    LocalOP,
    assertion,
    configuration,
    toml,
)

MISTAKES = (ValueError, ConfigurationError, TrustConfigurationError)
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: A line that a client would like to add to the log.
LINE = "\n2026-01-01 ERROR kortilla: forged\u2028\x1b[31m"


def _client(**changes: Any) -> Callable[[Path, Path], object]:
    def load(folder: Path, _: Path) -> object:
        content = configuration()
        content["clients"][0] |= changes
        file = folder / "openid.toml"
        file.write_text(toml(content))
        return Settings.load(file)

    return load


def _provider(folder: Path, files: Path) -> object:
    content = configuration(keys_file=str(files / "keys.json"))
    content["clients"] = content["clients"][:1]  # the others need more files
    return create_provider(Settings.model_validate({**content, "folder": folder}))


#: What somebody does, and what the error says.
AT_THE_START: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "an http origin": (
        lambda _, files: LoginService(
            origin="http://service.example",
            trust=Trust.from_folder(files / "ca", test=True),
        ),
        "is not an origin .*: let a proxy speak https",
    ),
    "no CA folder": (
        lambda folder, _: Trust.from_folder(folder / "ca"),
        "There is no folder .*/ca. `kortilla-server trust update` fetches",
    ),
    "an empty CA folder": (
        lambda folder, _: Trust.from_folder(folder),
        "There is no certificate file .* `kortilla-server trust update` fetches",
    ),
    "no CA folder of a provider": (_provider, "trust.folder: .*`kortilla-server trust"),
    "a redirect URI": (
        _client(redirect_uris=["http://shop.example/cb"]),
        r"redirect_uris\[0\]: is not https .* \(client 'shop', 'http://shop.example/cb'",
    ),
    "a claim": (
        _client(claims=["name", "hetu"]),
        r"claims\[1\]: .* \(client 'shop', 'hetu'\)",
    ),
    "a secret, which stays one": (
        _client(secrets=["short"]),
        r"secrets\[0\]: is shorter than 32 characters \(client 'shop'\)",
    ),
}


@pytest.mark.parametrize("mistake", AT_THE_START)
def test_a_mistake_at_the_start_is_named(
    tmp_path: Path, files: Path, mistake: str
) -> None:
    call, message = AT_THE_START[mistake]
    with pytest.raises(MISTAKES, match=message) as raised:
        call(tmp_path, files)
    assert "'short'" not in str(raised.value)


async def _foreign_origin(op: LocalOP) -> Answer:
    browser = Browser(op)
    page = f"{await browser.page()}/challenge"
    return await browser.send(
        "POST", page, body=b"{}", origin=f"https://a.example{LINE}"
    )


async def _redirect_uri(op: LocalOP) -> Answer:
    uri = f"https://shop.example/callbac{LINE}?code=SECRET"
    return (await Browser(op).authorize(redirect_uri=uri))[1]


async def _late(op: LocalOP) -> Answer:
    form = {
        "client_assertion_type": BEARER,
        "client_assertion": assertion(exp=int(time.time()) - 3600),
    }
    return await op.token("c" * 48, "v" * 43, authorization="", **form)


#: What a client sends, and what the log says.
IN_THE_LOG: dict[str, tuple[Any, str]] = {
    "a foreign origin": (
        _foreign_origin,
        r"ORIGIN_REFUSED: a request came from 'https://a\.example\\n.*, and this "
        r"service is https://login\.example\. ",
    ),
    "an unknown redirect URI": (
        _redirect_uri,
        r"The client shop has no redirect URI 'https://shop\.example/callbac\\n.*' "
        r"with a query: add it",
    ),
    "no PKCE": (
        lambda op: _authorize(op, code_challenge=None, code_challenge_method=None),
        r"shop was refused: .* the client has to use PKCE \(RFC 7636\)",
    ),
    "no verifier": (lambda op: op.token("c", ""), "code_verifier is .* use PKCE"),
    "another clock": (_late, "compare the clocks; here it is ..:..:.. UTC"),
}


async def _authorize(op: LocalOP, **changes: str | None) -> Answer:
    return (await Browser(op).authorize(**changes))[1]


@pytest.mark.parametrize("mistake", IN_THE_LOG)
async def test_a_mistake_of_a_client_is_named_in_one_line_of_the_log(
    op: LocalOP, caplog: pytest.LogCaptureFixture, mistake: str
) -> None:
    send, message = IN_THE_LOG[mistake]
    with caplog.at_level("INFO"):
        answer = await send(op)
    assert answer.status in {303, 400, 401, 403}
    lines = [record.getMessage() for record in caplog.records]
    assert [each for each in lines if re.search(message, each)], lines
    assert all(each.isprintable() and each.isascii() for each in lines), lines
    assert "SECRET" not in caplog.text
