# SPDX-License-Identifier: MIT
"""The page client works with the Web eID extension and our program.

A substitute extension of a few lines speaks Web eID's messages on both sides.
``tests/kortilla/web_eid.test.mjs`` has what the client makes of its answers.
"""

import json
from pathlib import Path

import pytest

from kortilla import Trust
from tests.browser.conftest import SharedBrowser, identity_of, only_in_firefox
from tests.browser.site import NONCE, Page, Site
from tests.browser.test_sign import THREE, check, files
from tests.browser.window import PIN2, WindowListener

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXTENSION = Path(__file__).with_name("web_eid")

DOCUMENTS = THREE[:2]

# The page client's promise, reported in the form of a response to a page.
LOGIN = f"""async () => {{
  const {{ kortilla }} = await import("/client/kortilla.js");
  window.controller = new AbortController();
  const {{ signal }} = controller;
  const told = {{ action: "client:login-success", progress: [] }};
  const onProgress = (word) => told.progress.push(word);
  try {{
    const options = {{ nonce: {json.dumps(NONCE)}, lang: "sv", signal, onProgress }};
    Object.assign(told, await kortilla.authenticate(options));
  }} catch ({{ code, message }}) {{
    const error = {{ code, message }};
    Object.assign(told, {{ action: "client:login-failure", error }});
  }}
  postMessage(told, "*");
}}"""


@only_in_firefox
async def test_a_login_one_that_is_cancelled_and_a_signing(
    bare_browser: SharedBrowser, site: Site, trust: Trust
) -> None:
    async with bare_browser.lent() as browser, WindowListener() as listener:
        browser.user_home.card.renew()
        browser.user_home.serve(prompt_command=listener.command)
        await browser.install(EXTENSION)
        page = await Page.open(await browser.new_tab(), site.fresh())

        await page.ask_script(LOGIN)
        window = await listener.opened()
        await window.hear("ask-pin")
        await page.tab.evaluate("controller.abort() ?? null")
        assert (await page.failure("client:login"))["code"] == "REQUEST_CANCELLED"
        await page.ask_script(LOGIN)
        assert (await page.failure("client:login"))["code"] == "BUSY"
        assert window.is_there
        window.say("cancel")
        await page.heard("web-eid:authenticate-failure")

        await page.ask_script(LOGIN)
        window = await listener.opened()
        conversation = window.told[0]["conversation"]
        assert (conversation["language"], conversation["origin"]) == ("sv", page.origin)
        await window.type_pin("1234")
        token = await page.heard("client:login-success")
        assert token["progress"] == ["window-open"]
        await identity_of(token, page.origin, NONCE, trust)

        await page.ask_script(f"() => clientSign({{documents: {files(DOCUMENTS)}}})")
        await (await listener.opened()).agree()
        for _ in DOCUMENTS:
            await (await listener.opened()).type_pin(PIN2)
        answer = await page.heard("client:sign-success")
        check(answer, DOCUMENTS)
        assert answer["progress"] == [
            ["window-open"],
            ["signing", {"done": 0, "total": 2}],
            ["signing", {"done": 1, "total": 2}],
        ]
        await browser.user_home.empty()
    await bare_browser.close()  # an idle browser costs time too
