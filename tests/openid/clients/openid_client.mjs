// SPDX-License-Identifier: MIT
// A service that logs people in with openid-client, for tests:
//
//     ISSUER=… SECRET=… PORT=… node openid_client.mjs
//
// `/` leads to the provider, with the query's parameters, and `/cb` shows who came back.
// It prints a line once it listens.

import http from "node:http";
import * as client from "openid-client";

const { ISSUER = "", SECRET = "", PORT = "" } = process.env;
const own = `http://localhost:${PORT}`;
const config = await client.discovery(
  new URL(ISSUER),
  "node",
  undefined,
  client.ClientSecretBasic(SECRET),
  { execute: [client.allowInsecureRequests] },
);

/**
 * What was sent with each login, by its state.
 *
 * @type {Map<string, {verifier: string, nonce: string}>}
 */
const logins = new Map();

/** @param {URL} url */
async function start(url) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  logins.set(state, { verifier, nonce });
  return client.buildAuthorizationUrl(config, {
    ...Object.fromEntries(url.searchParams),
    redirect_uri: `${own}/cb`,
    scope: "openid profile",
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
}

/** @param {URL} url */
async function finish(url) {
  const state = url.searchParams.get("state") ?? "";
  const { verifier, nonce } = logins.get(state) ?? { verifier: "", nonce: "" };
  logins.delete(state);
  const tokens = await client.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  const sub = tokens.claims()?.sub ?? "";
  return client.fetchUserInfo(config, tokens.access_token, sub);
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url ?? "", own);
  if (url.pathname === "/") {
    response.writeHead(302, { Location: (await start(url)).href }).end();
    return;
  }
  if (url.pathname !== "/cb") {
    response.writeHead(404).end();
    return;
  }
  const told = await finish(url).then(
    ({ name }) => name,
    ({ error, code }) => error ?? code,
  );
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end(`<!doctype html><title>Service</title><p id="who">${told}</p>`);
});
server.listen(Number(PORT), "127.0.0.1", () => console.log("listening"));
