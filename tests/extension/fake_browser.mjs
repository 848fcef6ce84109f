// SPDX-License-Identifier: MIT
/**
 * A fake of the browser APIs that the extension uses. Importing this file installs it, so
 * import it before any module of the extension.
 */

import assert from "node:assert/strict";

// Node 20 has no Promise.withResolvers. All browsers that the manifest allows have it.
Promise.withResolvers ??= /** @type {any} */ (
  () => {
    /** @type {any} */
    const made = {};
    made.promise = new Promise((resolve, reject) =>
      Object.assign(made, { resolve, reject }),
    );
    return made;
  }
);

// On the mock clock: Node's mock timers do not cover AbortSignal.timeout.
AbortSignal.timeout = (ms) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
};

/** @template {unknown[]} A */
class FakeEvent {
  /** @type {Set<(...args: A) => void>} */
  #listeners = new Set();

  /** @param {(...args: A) => void} listener */
  addListener(listener) {
    this.#listeners.add(listener);
  }

  /** @param {(...args: A) => void} listener */
  removeListener(listener) {
    this.#listeners.delete(listener);
  }

  /** Whether an event would wake the background. */
  get isListenedTo() {
    return this.#listeners.size > 0;
  }

  /** @param {A} args */
  emit(...args) {
    for (const listener of this.#listeners) listener(...args);
  }
}

/** The extension's end of a port. Tests use the other end. */
export class FakePort {
  onMessage = /** @type {FakeEvent<[unknown]>} */ (new FakeEvent());
  onDisconnect = /** @type {FakeEvent<[FakePort]>} */ (new FakeEvent());
  /** What the extension has sent. @type {any[]} */
  sent = [];
  /** Whether the extension has disconnected. */
  disconnected = false;
  /** @type {{message: string} | null} */
  error = null;
  /** What a test does with each message sent. @type {(message: any) => void} */
  onSent = () => {};

  /**
   * @param {object} [sender]
   * @param {string} [name]
   */
  constructor(sender, name = "") {
    this.sender = sender;
    this.name = name;
  }

  /** @param {unknown} message */
  postMessage(message) {
    if (this.disconnected) throw new Error("The port is disconnected.");
    const copy = JSON.parse(JSON.stringify(message));
    this.sent.push(copy);
    queueMicrotask(() => this.onSent(copy));
  }

  disconnect() {
    this.disconnected = true;
  }

  /** The other end sends a message. @param {unknown} message */
  say(message) {
    this.onMessage.emit(JSON.parse(JSON.stringify(message)));
  }

  /** The other end disconnects. @param {string} [sentence] of the browser, why */
  leave(sentence) {
    if (sentence !== undefined) this.error = { message: sentence };
    this.onDisconnect.emit(this);
  }
}

class FakeStorage {
  /** @type {Record<string, unknown>} */
  content = {};

  /** @param {string | string[]} keys */
  async get(keys) {
    const found = [keys].flat().filter((key) => key in this.content);
    return Object.fromEntries(found.map((key) => [key, this.content[key]]));
  }

  /** @param {Record<string, unknown>} items */
  async set(items) {
    Object.assign(this.content, JSON.parse(JSON.stringify(items)));
  }
}

/** Firefox's `browser.pkcs11`, with one module in a native manifest. */
export class FakeModules {
  installed = false;
  /** Whether a native manifest allows the extension. */
  isFound = true;
  /** Whether the module can be loaded and unloaded. */
  isSound = true;
  /** The changes, in order. @type {string[]} */
  done = [];

  /** @param {string} name */
  async isModuleInstalled(name) {
    if (!this.isFound) throw new Error(`No such PKCS#11 module ${name}`);
    return this.installed;
  }

  /** @param {string} name */
  async installModule(name) {
    if (await this.isModuleInstalled(name)) throw new Error("It is there already.");
    this.#change(`install ${name}`, true);
  }

  /** @param {string} name */
  async uninstallModule(name) {
    if (!(await this.isModuleInstalled(name))) throw new Error("It is not loaded.");
    this.#change(`uninstall ${name}`, false);
  }

  /**
   * @param {string} what
   * @param {boolean} installed afterwards
   */
  #change(what, installed) {
    if (!this.isSound) throw new Error("An unexpected error occurred");
    this.done.push(what);
    this.installed = installed;
  }
}

export const TOKEN = Object.freeze({
  unverifiedCertificate: "MIIBAAAA",
  algorithm: "ES384",
  signature: "c2lnbmF0dXJl",
  format: "web-eid:1.0",
  appVersion: "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-0.1.0",
});

/** The algorithm of the signatures. */
const ALGORITHM = Object.freeze({
  cryptoAlgorithm: "ECC",
  hashFunction: "SHA-384",
  paddingScheme: "NONE",
});

export const SIGNING_CERTIFICATE = Object.freeze({
  certificate: "MIIBAAAA",
  supportedSignatureAlgorithms: [ALGORITHM],
});

/**
 * @param {string} name
 * @returns {Record<string, unknown>}
 */
export const signatureOf = (name) => ({
  name,
  hash: "aGFzaA==",
  hashFunction: "SHA-384",
  signature: "c2lnbmF0dXJl",
  signatureAlgorithm: ALGORITHM,
});

/** What a host says of a card. */
export const CARD = Object.freeze({
  ...{ kind: "pin2_last", look: "warning", title: "One try is left.", more: "Careful." },
  ...{ code: "", mark: "TEST CARD", holder: "SPECIMEN-MAIJA", satu: "SATU: 99900001A" },
  valid: "Valid until 1.6.2030",
  actions: [],
  codes: [],
  certificates: [{ title: "For signing", words: "valid until 1.6.2030" }],
});

/** A reader with a card, and what `card-status` says of it. */
export const READER = Object.freeze({ reader: "SPECIMEN reader" });
export const CARDS = Object.freeze({
  readers: [READER],
  words: { state: null, cards: [CARD], login: "Type it beforehand." },
});

/** A report of the self-check, as the host sends it. */
export const REPORT = Object.freeze({
  version: "0.1.0",
  system: "SPECIMEN Linux 1",
  python: "3.13.5",
  findings: [
    {
      code: "MANIFEST_MISSING",
      severity: "error",
      message: "Chromium does not know where Kortilla is.",
      details: { browser: "Chromium" },
      fix: { command: "kortilla install", by: "doctor" },
    },
    { code: "HOST_WORKS", severity: "info", message: "It starts.", fix: null },
  ],
});

export const HELLO = Object.freeze({ version: "2.9.0+kortilla.0.1.0" });

/** @param {{pin: string}} wanted */
const onePin = ({ pin }) => ({ [pin.toLowerCase()]: "set" });

/** @param {{on?: boolean}} wanted */
function token({ on = fake.isShown }) {
  fake.isShown = on;
  return { shown: on, restart: false };
}

/** What a good host answers. @type {Record<string, (wanted: any) => object>} */
const RESULTS = {
  prepare: () => ({}),
  authenticate: () => TOKEN,
  "get-signing-certificate": () => SIGNING_CERTIFICATE,
  "card-status": () => CARDS,
  activate: () => ({ pin1: "set", pin2: "was-set" }),
  "change-pin": onePin,
  unblock: onePin,
  "prepare-login": () => ({}),
  fix: () => ({}),
  "open-window": () => ({}),
  "self-check": () => REPORT,
  "token-status": token,
  "token-switch": token,
  sign: ({ documents, hashes = documents }) => ({
    certificate: SIGNING_CERTIFICATE.certificate,
    signatures: hashes.map((/** @type {{name: string}} */ { name }) => signatureOf(name)),
  }),
};

/** A host that responds correctly. @param {FakePort} port */
export function goodHost(port) {
  port.onSent = ({ id, command, arguments: wanted }) => {
    if (command === "activate") port.say({ id, progress: "window-open" });
    const result = RESULTS[command]?.(wanted);
    if (result) port.say({ id, result });
  };
  queueMicrotask(() => port.say(HELLO));
}

/**
 * A host that gives each command the same answer.
 *
 * @param {object} answer
 * @returns {(port: FakePort) => void}
 */
export const answering = (answer) => (port) => {
  port.onSent = ({ id }) => port.say({ id, ...answer });
  queueMicrotask(() => port.say(HELLO));
};

/** A host whose person never acts. @param {FakePort} port */
export function slowHost(port) {
  port.onSent = ({ id, command }) => {
    if (command === "prepare") port.say({ id, result: {} });
  };
  queueMicrotask(() => port.say(HELLO));
}

/**
 * The browser finds no such host. @param {FakePort} port
 */
export function missingHost(port) {
  queueMicrotask(() => port.leave("No such native application fi.kortilla.host"));
}

/** The state that tests read and set. */
export const fake = {
  /** The native ports that were opened. @type {FakePort[]} */
  hosts: [],
  /** What a host does once it is started. @type {(port: FakePort) => void} */
  onHost: goodHost,
  /**
   * The sender of the content script in the top frame, by tab.
   *
   * @type {Map<number, object>}
   */
  topFrames: new Map(),
  /** The open tabs. @type {{id: number, status: string}[]} */
  tabs: [],
  /** Whether the host has written the files of the token. */
  isShown: false,
  /** The injections of scripts. @type {{target: {tabId: number}}[]} */
  injections: [],
  local: new FakeStorage(),
  session: new FakeStorage(),
  onConnect: /** @type {FakeEvent<[FakePort]>} */ (new FakeEvent()),
  onMessage: /** @type {FakeEvent<[unknown, object]>} */ (new FakeEvent()),
  onInstalled: /** @type {FakeEvent<[{reason: string}]>} */ (new FakeEvent()),
  onStartup: /** @type {FakeEvent<[]>} */ (new FakeEvent()),
  onFocusChanged: /** @type {FakeEvent<[number]>} */ (new FakeEvent()),
  onUpdateAvailable: /** @type {FakeEvent<[]>} */ (new FakeEvent()),
  onTabRemoved: /** @type {FakeEvent<[number]>} */ (new FakeEvent()),
  onTabUpdated: /** @type {FakeEvent<[number, object, {url?: string}]>} */ (
    new FakeEvent()
  ),
  /** How often the extension has reloaded itself. */
  reloads: 0,
  /** What each of the browser's messages is. */
  language: "fi",
  /** How it was installed, as the browser says. */
  installType: "normal",
  /** @type {string | undefined} */
  versionName: undefined,
  /** The addresses of the tabs that it has opened, behind the person's. @type {string[]} */
  opened: [],
  /** Be a Firefox. @returns {FakeModules} */
  giveModules() {
    const modules = new FakeModules();
    Reflect.set(Reflect.get(globalThis, "browser"), "pkcs11", modules);
    return modules;
  },
  /** Be a Chromium. */
  giveNoModules() {
    Reflect.deleteProperty(Reflect.get(globalThis, "browser"), "pkcs11");
  },
};

/** A tab whose page the extension has no permission for. */
export const FORBIDDEN_TAB = 9;

/** The base URL of the extension pages. */
export const HOME = "chrome-extension://eeofbendeddpgakkpoeccckfnfplkhcb/";

const ID = "eeofbendeddpgakkpoeccckfnfplkhcb";

/** The sender of the popup. */
export const POPUP = Object.freeze({
  id: ID,
  origin: HOME.slice(0, -1),
  url: `${HOME}popup/popup.html`,
});

Reflect.set(globalThis, "browser", {
  i18n: { getMessage: () => fake.language },
  runtime: {
    id: ID,
    /** @param {string} path */
    getURL: (path) => `${HOME}${path}`,
    getManifest: () => ({
      version: "0.1.0",
      content_scripts: [{ js: ["content.js"] }],
    }),
    onConnect: fake.onConnect,
    onMessage: fake.onMessage,
    onInstalled: fake.onInstalled,
    onStartup: fake.onStartup,
    onUpdateAvailable: fake.onUpdateAvailable,
    reload() {
      fake.reloads += 1;
    },
    /** @param {string} name */
    connectNative(name) {
      if (name !== "fi.kortilla.host") throw new Error(`Not our host: ${name}`);
      const port = new FakePort();
      fake.hosts.push(port);
      fake.onHost(port);
      return port;
    },
  },
  management: {
    async getSelf() {
      return { installType: fake.installType, versionName: fake.versionName };
    },
  },
  storage: { local: fake.local, session: fake.session },
  scripting: {
    /** @param {{target: {tabId: number}}} injection */
    async executeScript(injection) {
      fake.injections.push(injection);
      if (injection.target.tabId === FORBIDDEN_TAB) throw new Error("Cannot access.");
    },
  },
  tabs: {
    onRemoved: fake.onTabRemoved,
    onUpdated: fake.onTabUpdated,
    /** @param {{url: string, active: boolean}} properties */
    async create({ url, active }) {
      assert.equal(active, false, "the person's page stays in front");
      fake.opened.push(url);
    },
    /** @param {object} filter */
    async query(filter) {
      assert.deepEqual(filter, { discarded: false });
      return fake.tabs;
    },
    /**
     * @param {number} tab
     * @param {object} message
     */
    async sendMessage(tab, message) {
      const sender = fake.topFrames.get(tab);
      if (!sender) throw new Error("Receiving end does not exist.");
      queueMicrotask(() => fake.onMessage.emit(message, sender));
    },
  },
  windows: { WINDOW_ID_NONE: -1, onFocusChanged: fake.onFocusChanged },
});

/** Let all pending work run that does not wait for a timer. */
export async function settle() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}
