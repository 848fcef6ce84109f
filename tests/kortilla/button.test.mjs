// SPDX-License-Identifier: MIT
// <kortilla-button> without a browser; the rest is in tests/browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { sameOriginAddress } from "../../kortilla/client/button.js";

const ORIGIN = "https://service.example";

for (const [next, address] of [
  ["/own", "https://service.example/own"],
  ["own?a=b#c", "https://service.example/fi/own?a=b#c"],
  ["", "https://service.example/fi/"],
  ["https://service.example/x", "https://service.example/x"],
  ["https://SERVICE.example:443/x", "https://service.example/x"],
]) {
  test(`"${next}" is a page of the service`, () => {
    assert.equal(sameOriginAddress(String(next), `${ORIGIN}/fi/`, ORIGIN), address);
  });
}

for (const next of [
  "http://service.example/",
  "https://service.example:8443/",
  "https://service.example.other.example/",
  "https://service.example@other.example/",
  "//other.example/",
  "/\\other.example/",
  "\\\\other.example/",
  "/\t/other.example/",
  "javascript:alert(1)",
  "\u0001javascript:alert(1)",
  "data:text/html,x",
  "blob:https://service.example/8c7f",
  "filesystem:https://service.example/x",
  "about:blank",
  "https://[",
]) {
  test(`${JSON.stringify(next)} is none`, () => {
    assert.equal(sameOriginAddress(next, `${ORIGIN}/fi/`, ORIGIN), null);
    assert.equal(sameOriginAddress(next, "data:text/html,x", "null"), null);
  });
}
