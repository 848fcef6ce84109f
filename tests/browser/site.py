# SPDX-License-Identifier: MIT
"""A web site whose pages call the extension and record all its messages."""

import itertools
import json
import ssl
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web

import kortilla
from tests.browser.browsers import Tab

#: The page client that services publish.
_CLIENT = Path(kortilla.__file__).with_name("client")

NONCE = "A" * 43 + "="

# `received` holds every message of the extension. `heard` returns them one by one. A
# frame posts its messages to the parent page under another name.
_PAGE = """<!doctype html>
<meta charset="utf-8"><title>Page of a test</title>
<button id="ask">Ask</button>
<script>
// What a test may name is a property of the window, not a constant.
var received = [], reports = [];
const untaken = [], waiting = [];
let next = null;
function receive({ data, source, origin }) {
  if (data?.grandchild) addFrame(data.grandchild, null);
  if (data?.pleaseAsk) askInFrame(data.pleaseAsk);
  if (data?.turns > 0) ask({ turns: data.turns - 1 });
  if (data?.turns === 0) {
    parent.postMessage({ report: { action: "frame:turns-over", received } }, "*");
  }
  if (data?.report) {
    reports.push(data.report);
    settle();
    if (parent !== window) parent.postMessage(data, "*");
  }
  const isAnswer = /-(ack|progress|success|failure)$/.test(data?.action ?? "");
  // Web eID's library accepts only responses from its own window and origin.
  if (source !== window || origin !== self.origin || !isAnswer) return;
  received.push(data);
  untaken.push(data);
  if (parent !== window) parent.postMessage({ report: data }, "*");
  settle();
}
function settle() {
  for (const { look } of [...waiting]) look();
}
function first(list, fits) {
  return new Promise((resolve, reject) => {
    const entry = {
      look() {
        const place = list.findIndex(fits);
        if (place < 0) return;
        waiting.splice(waiting.indexOf(entry), 1);
        resolve(list.splice(place, 1)[0]);
      },
    };
    waiting.push(entry);
    setTimeout(() => reject(new Error(JSON.stringify({ received, reports }))), 15000);
    entry.look();
  });
}
const fitting = (action, id) => (message) =>
  message.action === action && (id === null || message.id === id);
function heard(action, id) {
  return first(untaken, fitting(action, id));
}
function reported(action) {
  return first(reports, fitting(action, null));
}
function setNext(message) {
  next = message;
}
// What JSON can't express, such as a Blob, is passed as a script.
function setNextScript(script) {
  next = (0, eval)(`(${script})`);
}
function ask(message) {
  postMessage(message, "*");
}
// What a content script posts when it receives a message comes before the second turn.
function askInFrame(message) {
  ask(message);
  ask({ turns: 2 });
}
// A foreign frame that adds a frame of this origin, which asks.
function addGrandchild(source, request) {
  const child = document.querySelector("iframe");
  const grandchild = `${source}?ask=${encodeURIComponent(request)}`;
  child.contentWindow.postMessage({ grandchild }, "*");
}
// A foreign frame that posts a request to this window, and then says that it has.
function forwardFrom(source, request) {
  addFrame(`${source}/?forward=${encodeURIComponent(request)}`, null);
  return first(reports, ({ forwarded }) => forwarded);
}
function addFrame(source, sandbox) {
  return insert({ src: source, ...(sandbox !== null && { sandbox }) });
}
function addDocument(content) {
  return insert({ srcdoc: content });
}
function insert(properties) {
  const frame = Object.assign(document.createElement("iframe"), properties);
  document.body.append(frame);
  return new Promise((resolve) => {
    frame.onload = () => resolve(null);
  });
}
// Writes the document anew, which removes all listeners and nodes.
function reopen() {
  document.open();
  document.write('<button id="ask">Ask</button>');
  document.close();
  listen();
}
async function clientStatus() {
  return (await import("/client/kortilla.js")).kortilla.status();
}
async function clientFailure() {
  const { kortilla } = await import("/client/kortilla.js");
  return kortilla.authenticate({ nonce: "A".repeat(44) }).catch(({ code }) => code);
}
// The client's promise and progress, told in the way of an answer to a page.
async function clientSign(options) {
  const { kortilla } = await import("/client/kortilla.js");
  const told = { action: "client:sign-success", progress: [] };
  try {
    const onProgress = (...each) => told.progress.push(each);
    Object.assign(told, await kortilla.sign({ ...options, onProgress }));
  } catch ({ code, message }) {
    Object.assign(told, { action: "client:sign-failure", error: { code, message } });
  }
  postMessage(told, "*");
}
function listen() {
  addEventListener("message", receive);
  document.getElementById("ask").addEventListener("click", () => {
    if (typeof next === "function") next();
    else ask(next);
  });
}
listen();
const atOnce = new URLSearchParams(location.search).get("ask");
if (atOnce) (parent === window ? ask : askInFrame)(JSON.parse(atOnce));
const forward = new URLSearchParams(location.search).get("forward");
if (forward) {
  parent.postMessage(JSON.parse(forward), "*");
  parent.postMessage({ report: { forwarded: true } }, "*");
}
</script>
"""


class Site:
    """Serves the page on 127.0.0.1 under any host name, over https and http."""

    def __init__(self, server_context: ssl.SSLContext) -> None:
        self._context = server_context
        self._numbers = itertools.count()
        self._ports: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/", _answer)
        app.router.add_post("/challenge", _challenge)
        app.router.add_static("/client", _CLIENT)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        for scheme, context in (("https", self._context), ("http", None)):
            site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            self._ports[scheme] = self._runner.addresses[-1][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def fresh(self, site: str = "service.example") -> str:
        """Return a new https origin."""
        return self.origin(f"n{next(self._numbers)}.{site}")

    def origin(self, name: str, scheme: str = "https") -> str:
        """Return the origin of a host name."""
        return f"{scheme}://{name}:{self._ports[scheme]}"


async def _challenge(_request: web.Request) -> web.Response:
    return web.json_response({"nonce": NONCE})


async def _answer(_request: web.Request) -> web.Response:
    return web.Response(text=_PAGE, content_type="text/html")


class Page:
    """The page in a tab."""

    def __init__(self, tab: Tab, origin: str) -> None:
        self.tab, self.origin = tab, origin

    @classmethod
    async def open(cls, tab: Tab, origin: str, *, asking: object = None) -> Self:
        """Load the page.

        With ``asking`` it sends this message at once, not by a click.
        """
        await tab.goto(address(origin, asking))
        return cls(tab, origin)

    async def ask(self, message: object) -> None:
        """Click the button that sends a message."""
        await self.tab.evaluate(f"setNext({json.dumps(message)})")
        await self.tab.click("#ask")

    async def ask_script(self, script: str) -> None:
        """Click the button that sends a message, or calls a function."""
        await self.tab.evaluate(f"setNextScript({json.dumps(script)})")
        await self.tab.click("#ask")

    async def send(self, message: object) -> None:
        """Make the page send a message without a click."""
        await self.tab.evaluate(f"ask({json.dumps(message)})")

    async def heard(self, action: str, id: str | None = None) -> dict[str, Any]:
        """Return the next response of this name, without action and id."""
        answer = await self.tab.evaluate(
            f"heard({json.dumps(action)}, {json.dumps(id)})"
        )
        return {k: v for k, v in answer.items() if k not in {"action", "id"}}

    async def failure(self, action: str, id: str | None = None) -> dict[str, Any]:
        """Return the error that ends a request."""
        return dict((await self.heard(f"{action}-failure", id))["error"])

    async def received(self) -> list[dict[str, Any]]:
        """Return all messages so far, in order."""
        return list(await self.tab.evaluate("received"))

    async def add_frame(
        self, origin: str, asking: object, *, sandbox: str | None = None
    ) -> None:
        """Add a frame with such a page, which sends its request at once."""
        source = json.dumps(address(origin, asking))
        await self.tab.evaluate(f"addFrame({source}, {json.dumps(sandbox)})")

    async def reported(self, action: str) -> dict[str, Any]:
        """Return the next response of this name in a frame."""
        return dict(await self.tab.evaluate(f"reported({json.dumps(action)})"))


def address(origin: str, asking: object = None) -> str:
    """Return the page's address."""
    return f"{origin}/" + (
        "" if asking is None else "?" + urlencode({"ask": json.dumps(asking)})
    )


def authenticate(id: str = "1", **more: object) -> dict[str, object]:
    """Return a valid request of Kortilla's protocol."""
    return {
        "action": "kortilla:authenticate",
        "id": id,
        "challengeNonce": NONCE,
        **more,
    }
