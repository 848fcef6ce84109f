# SPDX-License-Identifier: MIT
"""Services as developers build them: bundles, React, and the guides' examples.

The npm package works in a Vite or Rollup bundle under a strict CSP.
"""

import asyncio
import os
import runpy
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from kortilla import LoginService, Trust
from kortilla.aiohttp import setup
from kortilla.mock_card.folder import locked
from tests.browser.browsers import Browser
from tests.browser.conftest import Holder, OpenTab, only_in_chromium, serving
from tests.browser.test_button import POLICY, TEXTS
from tests.support import cards
from tests.support.guide import blocks
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]

INDEX = """<!doctype html><title>Bundle</title>
<script type="module" src="SCRIPT"></script>
"""

SCRIPT = """
import { kortilla } from "kortilla";
import "kortilla/button";
document.documentElement.lang = location.search.slice(1);
document.body.append(document.createElement("kortilla-button"));
const told = (asked) =>
  asked.catch(({ code, message, help }) => ({ code, message, help }));
Object.assign(globalThis, { kortilla, told });
addEventListener("kortilla-login", ({ detail }) => (globalThis.person = detail));
"""


@pytest.fixture(scope="session")
def consumer() -> Path:
    """A project with a page and the packed package installed, for all workers."""
    folder = cards.shared_folder() / "npm"
    consumer = folder / "consumer"
    with locked(cards.shared_folder() / "npm.lock"):
        if not (folder / "made").exists():
            # A copy, since other tests serve the original files at the same time.
            shutil.copytree(ROOT / "kortilla/client", folder / "kortilla/client")
            shutil.copy(ROOT / "LICENSE", folder)
            (folder / "node_modules").symlink_to(ROOT / "node_modules")
            consumer.mkdir()
            (consumer / "package.json").write_text(
                '{"private": true, "type": "module"}'
            )
            (consumer / "main.js").write_text(SCRIPT)
            (consumer / "index.html").write_text(INDEX.replace("SCRIPT", "/main.js"))
            client = folder / "kortilla/client"
            run(client, "npm", "pack", "--pack-destination", folder)
            [tarball] = folder.glob("*.tgz")
            run(consumer, "npm", "install", tarball)
            (folder / "made").touch()
    return consumer


@pytest.fixture(scope="session")
def bundle(request: pytest.FixtureRequest, consumer: Path) -> Path:
    """Build the page and return the folder to serve."""
    name: str = request.param
    folder = consumer / name
    program = ROOT / "node_modules/.bin" / name
    if name == "vite":
        told = run(consumer, program, "build", "--outDir", folder)
    else:
        resolving = ("--plugin", "node-resolve")
        told = run(consumer, program, "main.js", "--dir", folder, *resolving)
        (folder / "index.html").write_text(INDEX.replace("SCRIPT", "main.js"))
    assert "import.meta" not in told
    return folder


def run(folder: Path, *command: str | Path) -> str:
    """Run a Node program without network access and return its output."""
    offline = {
        "npm_config_cache": str(folder / ".npm"),
        "npm_config_offline": "true",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | offline,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.usefixtures("new_minute")
@pytest.mark.parametrize(
    ("family", "bundle"),
    [("chromium", "vite"), ("firefox", "rollup")],
    indirect=["family", "bundle"],
)
async def test_a_bundle_speaks_another_language_and_logs_in(
    browser: Browser,
    open_tab: OpenTab,
    bundle: Path,
    trust: Trust,
    authority: Authority,
    holder: Holder,
) -> None:
    browser.user_home.configure(prompt="automatic")
    asked: list[str] = []

    async def prepare(request: web.Request, answer: web.StreamResponse) -> None:
        asked.append(request.path)
        answer.headers["Content-Security-Policy"] = POLICY

    async def front(_: web.Request) -> web.FileResponse:
        return web.FileResponse(bundle / "index.html")

    def make_app(origin: str) -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(prepare)
        setup(app, LoginService(origin=origin, trust=trust))
        app.router.add_get("/", front)
        app.router.add_static("/", bundle)
        return app

    tab = await open_tab()
    inside = "document.querySelector('kortilla-button').shadowRoot"
    async with serving(authority, make_app) as origin:
        # Not in English, whose texts are in the bundle from the start.
        await tab.goto(f"{origin}/?fi")
        await tab.wait_for("kortilla-button[state=idle]")
        # The text appears with its language, a moment after the element.
        label = await tab.evaluate(
            "new Promise((resolve) => { const look = () => { "
            f"const {{ textContent }} = {inside}.querySelector('[part=button]'); "
            "if (textContent) resolve(textContent); else requestAnimationFrame(look); "
            "}; look(); })"
        )
        assert label == TEXTS["fi"][0]

        # Without a click a page may ask once a minute.
        with browser.user_home.without_manifest():
            error = await tab.evaluate(
                "told(kortilla.authenticate({ nonce: 'A'.repeat(44) }))"
            )
        assert error["code"] == "HOST_MISSING"
        assert TEXTS["fi"][2] in error["message"]
        # A bundle has no help page, so its texts must not link to one.
        assert "help" not in error

        await tab.evaluate(f"void ({inside}.host.style.width = 'fit-content')")
        await tab.click("kortilla-button")
        await tab.wait_for("kortilla-button[state=done]")
    assert await tab.evaluate("person") == {"name": holder[0], "satu": holder[1]}
    # The page requests no file of the package except the bundle.
    routes = {path for path in asked if path.startswith("/auth/")}
    assert routes == {"/auth/challenge", "/auth/login"}
    assert asked.count("/auth/login") == 1


@pytest.fixture(scope="session")
def example(consumer: Path) -> Path:
    """The example with React, checked by its own settings and built."""
    folder = consumer / "vite-react"
    shutil.copytree(ROOT / "examples/vite-react", folder)
    programs = ROOT / "node_modules/.bin"
    assert run(folder, programs / "tsc") == ""
    run(folder, programs / "vite", "build")
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def behind_proxy(example: Path, trust: Trust) -> AsyncIterator[str]:
    """The origin of the example, whose proxy passes requests on to its service."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    origin = f"http://localhost:{port}"
    create_app = runpy.run_path(str(example / "service.py"))["create_app"]
    app = create_app(LoginService(origin=origin, trust=trust))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, backend = runner.addresses[0][:2]
    proxy = await asyncio.create_subprocess_exec(
        *(str(ROOT / "node_modules/.bin/vite"), "preview", "--port", str(port)),
        cwd=example,
        env=os.environ | {"SERVICE": f"http://{host}:{backend}", "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert proxy.stdout
    try:
        async with asyncio.timeout(60):
            while origin.encode() not in (line := await proxy.stdout.readline()):
                assert line, "The proxy ended."
        yield origin
    finally:
        proxy.terminate()
        await proxy.communicate()
        await runner.cleanup()


@only_in_chromium
async def test_the_example_with_react_logs_in_and_out_through_its_proxy(
    browser: Browser, open_tab: OpenTab, behind_proxy: str, holder: Holder
) -> None:
    browser.user_home.configure(prompt="automatic", localhost=True)
    tab = await open_tab()
    await tab.goto(behind_proxy)
    await tab.click("kortilla-button [part=button]")
    greeting = f"Hei, {holder[0]} ({holder[1]})!"
    assert await tab.text("#person") == greeting
    # The session is the service's, and outlives the page.
    await tab.goto(behind_proxy)
    assert await tab.text("#person") == greeting
    await tab.click("#logout")
    await tab.wait_for("kortilla-button[state=idle]")
    await tab.goto(behind_proxy)
    await tab.wait_for("kortilla-button[state=idle]")


@only_in_chromium
async def test_the_guides_examples_log_in_and_sign(
    browser: Browser,
    open_tab: OpenTab,
    tmp_path: Path,
    trust: Trust,
    holder: Holder,
    authority: Authority,
) -> None:
    """Those of docs/login.md and docs/signing.md, as written."""
    browser.user_home.configure(prompt="automatic")
    files = [tmp_path / "service.py", tmp_path / "signing.py"]
    for file, guide in zip(files, ("login.md", "signing.md"), strict=True):
        file.write_text(blocks(guide, "python")[0])
    service, signing = (runpy.run_path(str(file)) for file in files)

    def make_app(origin: str) -> web.Application:
        login = LoginService(origin=origin, trust=trust)
        app: web.Application = service["create_app"](login)
        signing["add_signing"](app, login)
        return app

    tab = await open_tab()
    async with serving(authority, make_app) as origin:
        await tab.goto(origin)
        await tab.wait_for("#identify[state=idle]")
        # A click hits the middle of the element, which is as wide as the page.
        await tab.evaluate("void (identify.style.width = 'fit-content')")
        await tab.click("#identify")
        assert holder[1] in await tab.text("#person")
        await tab.goto(f"{origin}/contract")
        for way in ("document", "hash"):
            await tab.click(f"#{way}")
            await tab.wait_for("#result:not(:empty)")
            assert (await tab.text("#result")).endswith(" allekirjoitti.")
            await tab.evaluate("document.querySelector('#result').replaceChildren()")
