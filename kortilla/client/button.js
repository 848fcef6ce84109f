// SPDX-License-Identifier: MIT
/**
 * A button with which a person logs in with the identity card:
 *
 *     <script type="module" src="/auth/static/button.js"></script>
 *     <kortilla-button next="/own-page"></kortilla-button>
 *
 * A content security policy has to allow `script-src 'self'` and `connect-src 'self'`,
 * and nothing inline. The button does not sign.
 */

import { createView } from "./button-view.js";
import { language } from "./errors.js";
import { loadLabels } from "./help.js";
import { KortillaError, kortilla } from "./kortilla.js";

/** @import { Person } from "./kortilla.js" */

/** @typedef {"idle" | "working" | "error" | "done"} ButtonState */

/**
 * @typedef {Record<string, Record<string, string>>} ButtonTexts
 * A service's own texts, by language in two letters, then by key: `button.start`,
 * `button.cancel`, `progress.` with `challenge`, `window-open`, `signing`, `verifying` or
 * `done`, or the code of an error. Kortilla's text is shown where there is none.
 */

/** @typedef {{text: string, lang: string}} Text A text and its language. */

/** @typedef {CustomEvent<Person>} KortillaLoginEvent */
/** @typedef {CustomEvent<KortillaError>} KortillaErrorEvent */

// A server, which has no document, can load the module too.
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

/**
 * `<kortilla-button>`.
 *
 * Attributes: `routes`, the address of the login's routes, by default beside the folder of
 * this module, and `/auth/` in a bundle; `lang`, by default that of the nearest element
 * that has one; `next`, the page of the same origin to open after the login; `help`, the
 * service's own page about getting Kortilla. The button sets `state`: `idle`, `working`,
 * `error` or `done`.
 *
 * Events, which bubble: `kortilla-login`, whose `detail` is the `Person`, and after which
 * the button opens `next` unless the default is prevented; `kortilla-error`, whose
 * `detail` is the `KortillaError`.
 *
 * Slots: `label` and `cancel`, in place of the texts of the two buttons. Property: `texts`,
 * the service's own texts in place of any of Kortilla's.
 *
 * Parts, for `::part()`: `button`, `cancel`, `status`, `error`, `help`, `code`.
 */
export class KortillaButton extends Base {
  static observedAttributes = ["lang"];

  /** @type {ReturnType<typeof createView> | null} */
  #view = null;
  /** The login under way. @type {AbortController | null} */
  #login = null;
  /** @type {Record<string, string>} */
  #labels = {};
  /** @type {ButtonTexts} */
  #texts = {};
  /** Whether the error shown is that the extension is missing. */
  #isMissingShown = false;
  /** The progress reported last. */
  #progress = "";
  /** Removes the listeners outside the element. @type {AbortController | null} */
  #connected = null;

  connectedCallback() {
    this.#createView();
    if (Object.hasOwn(this, "texts")) {
      // It was set before the element was defined.
      const { texts } = this;
      Reflect.deleteProperty(this, "texts");
      this.texts = texts;
    }
    this.#connected = new AbortController();
    const { signal } = this.#connected;
    // A page from the back/forward cache still has the state in which it was left.
    const onShow = (/** @type {PageTransitionEvent} */ { persisted }) => {
      if (persisted && this.state === "done") this.#setState("idle");
    };
    window.addEventListener("pageshow", onShow, { signal });
    const onLogout = () => {
      if (this.state === "done") this.#setState("idle");
    };
    document.addEventListener("kortilla-logout", onLogout, { signal });
    // The person may have installed the extension meanwhile.
    window.addEventListener("focus", () => this.#forgetMissing(), { signal });
    document.addEventListener("visibilitychange", () => this.#forgetMissing(), {
      signal,
    });
    if (!this.hasAttribute("state")) this.#setState("idle");
    this.#updateLabels();
  }

  disconnectedCallback() {
    this.#connected?.abort();
    // A moved element is connected again by then.
    queueMicrotask(() => {
      if (!this.isConnected) this.cancel();
    });
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#updateLabels();
  }

  /** @returns {ButtonState} */
  get state() {
    return /** @type {ButtonState} */ (this.getAttribute("state") ?? "idle");
  }

  /** @returns {ButtonTexts} */
  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    this.#texts = texts ?? {};
    if (this.isConnected) this.#updateLabels();
  }

  click() {
    this.#createView().button.click();
  }

  /** Abort the login under way, if any. */
  cancel() {
    this.#login?.abort();
  }

  #createView() {
    if (this.#view) return this.#view;
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    this.#view = createView(root);
    this.#view.button.addEventListener("click", () => this.#start());
    this.#view.cancel.addEventListener("click", () => this.cancel());
    kortilla.prepareOn(this.#view.button);
    return this.#view;
  }

  /** Set all texts in the language of the element's place. */
  async #updateLabels() {
    const lang = language(languageAround(this));
    const labels = await loadLabels(lang);
    if (language(languageAround(this)) !== lang) return;
    this.#labels = labels;
    this.#view?.setLabels(
      this.#text("button.start"),
      this.#text("button.cancel"),
      labels.language ?? "",
    );
    this.#report(this.#progress);
  }

  /**
   * @param {string} key
   * @param {string} [otherwise] the text in the language of the labels if there is no other
   * @returns {Text} the service's own, or Kortilla's
   */
  #text(key, otherwise) {
    const lang = language(languageAround(this));
    const own = Object.hasOwn(this.#texts, lang) ? this.#texts[lang]?.[key] : undefined;
    // An empty label would leave the button without a name.
    if (typeof own === "string" && own.trim()) return { text: own, lang };
    const text = otherwise ?? this.#labels[key] ?? "";
    return { text, lang: this.#labels.language ?? "" };
  }

  async #start() {
    if (this.#login || this.state === "done") return;
    const login = new AbortController();
    this.#login = login;
    const lang = language(languageAround(this));
    this.#setState("working");
    // Not awaited: the user activation of a click lasts about five seconds.
    this.#updateLabels();
    try {
      const person = await kortilla.login({
        lang,
        signal: login.signal,
        ...this.#option("base", "routes"),
        ...this.#option("help", "help"),
        onProgress: (progress) => this.#report(progress),
      });
      this.#login = null;
      this.#setState("done");
      this.#report("done");
      if (this.#dispatch("kortilla-login", person) && this.isConnected)
        this.#openNext();
    } catch (error) {
      this.#login = null;
      if (!(error instanceof KortillaError)) throw error;
      this.#setState("error");
      this.#isMissingShown = error.code === "EXTENSION_MISSING";
      this.#view?.showError(error, this.#text(error.code, error.message));
      this.#dispatch("kortilla-error", error);
    }
  }

  /**
   * @template {string} T
   * @param {T} option of `kortilla.login`
   * @param {string} attribute that gives its value
   * @returns {{[key in T]?: string}}
   */
  #option(option, attribute) {
    const value = this.getAttribute(attribute);
    return /** @type {any} */ (value ? { [option]: value } : {});
  }

  async #forgetMissing() {
    if (!this.#isMissingShown || document.hidden) return;
    const status = await kortilla.status().catch(() => null);
    if (status?.extension && this.#isMissingShown) this.#setState("idle");
  }

  /** @param {ButtonState} state */
  #setState(state) {
    this.#isMissingShown = false;
    this.#progress = "";
    this.setAttribute("state", state);
    this.#view?.setState(state);
  }

  /** @param {string} progress */
  #report(progress) {
    this.#progress = progress;
    const text = this.#text(`progress.${progress}`);
    if (text.text) this.#view?.setStatus(text);
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   * @returns {boolean} false if a listener prevented the default
   */
  #dispatch(name, detail) {
    const options = { bubbles: true, composed: true, cancelable: true, detail };
    return this.dispatchEvent(new CustomEvent(name, options));
  }

  #openNext() {
    const next = this.getAttribute("next");
    if (next === null) return;
    const address = sameOriginAddress(next, this.baseURI, location.origin);
    if (address === null) console.error("kortilla-button: next is of another origin.");
    else location.assign(address);
  }
}

/**
 * Get the language of an element: the `lang` of the nearest element that has one, also
 * outside its shadow tree.
 *
 * @param {Element} element
 * @returns {string | undefined} a BCP 47 tag
 */
export function languageAround(element) {
  /** @type {Element | null} */
  let current = element;
  while (current) {
    const near = current.closest("[lang]");
    const lang = near?.getAttribute("lang");
    if (lang) return lang;
    if (near) return undefined; // lang="" means unknown
    const root = current.getRootNode();
    current = root instanceof ShadowRoot ? root.host : null;
  }
  return undefined;
}

/**
 * @param {string} next
 * @param {string} base
 * @param {string} origin
 * @returns {string | null} the absolute address; null if it is no page of this origin
 */
export function sameOriginAddress(next, base, origin) {
  try {
    const url = new URL(next, base);
    // A blob: URL has the origin too, but is no page of the service.
    const isPage = url.protocol === "https:" || url.protocol === "http:";
    return isPage && url.origin === origin ? url.href : null;
  } catch {
    return null;
  }
}

if (globalThis.customElements && !customElements.get("kortilla-button")) {
  customElements.define("kortilla-button", KortillaButton);
}
