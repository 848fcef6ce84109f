// SPDX-License-Identifier: MIT
// Logs in for a broker and for a bank, by openid-client. The last argument has the
// issuer and the private keys; what the client gets goes to standard output.
import * as oidc from "openid-client";

const { issuer, sig, enc, rsa, level } = JSON.parse(process.argv[2]);

/**
 * @param {JsonWebKey & {kid?: string}} jwk
 * @param {string} name
 * @param {KeyUsage[]} usages
 */
async function key(jwk, name, usages) {
  const { kid, use, ...rest } = jwk;
  const algorithm = { name, namedCurve: "P-256", hash: "SHA-256" };
  return { kid, key: await crypto.subtle.importKey("jwk", rest, algorithm, false, usages) };
}

const signing = await key(sig, "ECDSA", ["sign"]);

/**
 * @param {string} id
 * @param {Partial<oidc.ClientMetadata>} metadata
 */
function discover(id, metadata) {
  return oidc.discovery(
    new URL(issuer),
    id,
    { id_token_signed_response_alg: "ES256", ...metadata },
    oidc.PrivateKeyJwt(signing),
    { execute: [oidc.allowInsecureRequests] },
  );
}

/** @param {string} id */
async function parameters(id) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier,
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  };
  const sent = {
    redirect_uri: `https://${id}.example/cb`,
    scope: "openid profile",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    login_hint: "SPECIMEN-VIRTANEN",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  };
  return { sent, checks };
}

/** @param {URL} url */
async function back(url) {
  const answer = await fetch(url, { redirect: "manual" });
  const location = answer.headers.get("location");
  if (location === null) throw new Error(await answer.text());
  return new URL(location);
}

/** @param {boolean} pushed */
async function broker(pushed) {
  const config = await discover("broker", {
    id_token_signed_response_alg: "RS256",
    userinfo_signed_response_alg: "RS256",
  });
  oidc.enableDecryptingResponses(
    config,
    ["A256GCM"],
    { ...(await key(enc, "ECDH", ["deriveBits"])), alg: "ECDH-ES" },
    { ...(await key(rsa, "RSA-OAEP", ["decrypt"])), alg: "RSA-OAEP-256" },
  );
  const { sent, checks } = await parameters("broker");
  const all = { ...sent, acr_values: level, ftn_spname: "SPECIMEN-PANKKI" };
  let url = await oidc.buildAuthorizationUrlWithJAR(config, all, signing);
  if (pushed) url = await oidc.buildAuthorizationUrlWithPAR(config, url.searchParams);
  const tokens = await oidc.authorizationCodeGrant(config, await back(url), checks);
  const claims = tokens.claims();
  if (claims === undefined) throw new Error("no ID token");
  return {
    parts: tokens.id_token?.split(".").length,
    claims,
    told: await oidc.fetchUserInfo(config, tokens.access_token, claims.sub),
  };
}

async function bank() {
  const config = await discover("bank", {});
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair("ES256"));
  const { sent, checks } = await parameters("bank");
  const url = await oidc.buildAuthorizationUrlWithPAR(config, sent, { DPoP });
  const tokens = await oidc.authorizationCodeGrant(
    config, await back(url), checks, undefined, { DPoP });
  const sub = tokens.claims()?.sub ?? "";
  const told = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
  return { kind: tokens.token_type, told };
}

console.log(JSON.stringify([await broker(false), await broker(true), await bank()]));
