// SPDX-License-Identifier: MIT
/**
 * A button that has a person identify themselves with the identity card:
 *
 *     <script type="module" src="/auth/static/button.js"></script>
 *     <kortilla-button next="/own-page"></kortilla-button>
 *
 * It needs `script-src 'self'` and `connect-src 'self'` of a content security policy,
 * and nothing inline. It never has anything to do with signing.
 */

import { look } from "./button-look.js";
import { loadLabels } from "./help.js";
import { KortillaError, kortilla } from "./kortilla.js";
import { language } from "./words.js";

/** @import { Person } from "./kortilla.js" */

/** @typedef {"idle" | "working" | "error" | "done"} ButtonState */

/** @typedef {CustomEvent<Person>} KortillaLoginEvent */
/** @typedef {CustomEvent<KortillaError>} KortillaErrorEvent */

// Where there is no document, as on a server, the module can be loaded all the same.
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

/**
 * `<kortilla-button>`.
 *
 * Attributes: `routes`, where the login's routes are, by default beside the folder of
 * this module, and `/auth/` in a bundle; `lang`, by default that of the nearest element
 * that has one; `next`, the address of the same origin to go to after the login; `help`,
 * the service's own page about getting Kortilla. `state` is written by the button:
 * `idle`, `working`, `error` or `done`.
 *
 * Events, which bubble: `kortilla-login`, whose `detail` is who logged in, and after
 * which the button goes to `next` unless it is prevented; `kortilla-error`, whose
 * `detail` is the `KortillaError`.
 *
 * Parts, for `::part()`: `button`, `cancel`, `status`, `error`, `help`, `code`.
 */
export class KortillaButton extends Base {
  static observedAttributes = ["lang"];

  /** @type {ReturnType<typeof look> | null} */
  #look = null;
  /** The login under way. @type {AbortController | null} */
  #login = null;
  /** @type {Record<string, string>} */
  #labels = {};
  /** What was reported last. */
  #word = "";
  /** Ends what the element listens to outside itself. @type {AbortController | null} */
  #connected = null;

  connectedCallback() {
    this.#build();
    this.#connected = new AbortController();
    const { signal } = this.#connected;
    // A page that the back button brings back is as it was when it went.
    const onShow = (/** @type {PageTransitionEvent} */ { persisted }) => {
      if (persisted && this.state === "done") this.#show("idle");
    };
    window.addEventListener("pageshow", onShow, { signal });
    if (!this.hasAttribute("state")) this.#show("idle");
    this.#speak();
  }

  disconnectedCallback() {
    this.#connected?.abort();
    // An element that is only moved is connected again by then.
    queueMicrotask(() => {
      if (!this.isConnected) this.cancel();
    });
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#speak();
  }

  /** @returns {ButtonState} */
  get state() {
    return /** @type {ButtonState} */ (this.getAttribute("state") ?? "idle");
  }

  /** Press the button, as a person does. */
  click() {
    this.#build().button.click();
  }

  /** Call off the login under way, if there is one. */
  cancel() {
    this.#login?.abort();
  }

  /** @returns {ReturnType<typeof look>} */
  #build() {
    if (this.#look) return this.#look;
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    this.#look = look(root);
    this.#look.button.addEventListener("click", () => this.#start());
    this.#look.cancel.addEventListener("click", () => this.cancel());
    kortilla.prepareOn(this.#look.button);
    return this.#look;
  }

  /** Say everything in the language that the element now stands in. */
  async #speak() {
    const wanted = language(languageAround(this));
    const labels = await loadLabels(wanted);
    if (language(languageAround(this)) !== wanted) return;
    this.#labels = labels;
    this.#look?.speak(labels);
    this.#report(this.#word);
  }

  async #start() {
    if (this.#login || this.state === "done") return;
    const login = new AbortController();
    this.#login = login;
    const lang = language(languageAround(this));
    this.#show("working");
    // Not waited for: a click counts for about five seconds.
    this.#speak();
    try {
      const person = await kortilla.login({
        lang,
        signal: login.signal,
        ...this.#given("base", "routes"),
        ...this.#given("help", "help"),
        onProgress: (word) => this.#report(word),
      });
      this.#login = null;
      this.#show("done");
      this.#report("done");
      if (this.#tell("kortilla-login", person) && this.isConnected) this.#goOn();
    } catch (error) {
      this.#login = null;
      if (!(error instanceof KortillaError)) throw error;
      this.#show("error");
      this.#look?.explain(error);
      this.#tell("kortilla-error", error);
    }
  }

  /**
   * @template {string} T
   * @param {T} option
   * @param {string} attribute
   * @returns {{[key in T]?: string}}
   */
  #given(option, attribute) {
    const value = this.getAttribute(attribute);
    return /** @type {any} */ (value ? { [option]: value } : {});
  }

  /** @param {ButtonState} state */
  #show(state) {
    this.#word = "";
    this.setAttribute("state", state);
    this.#look?.show(state);
  }

  /** @param {string} word */
  #report(word) {
    this.#word = word;
    const text = this.#labels[`progress.${word}`];
    if (text) this.#look?.report(text);
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   * @returns {boolean} whether nobody prevented what comes next
   */
  #tell(name, detail) {
    const options = { bubbles: true, composed: true, cancelable: true, detail };
    return this.dispatchEvent(new CustomEvent(name, options));
  }

  #goOn() {
    const next = this.getAttribute("next");
    if (next === null) return;
    const address = ownAddress(next, this.baseURI, location.origin);
    if (address === null) console.error("kortilla-button: next is of another origin.");
    else location.assign(address);
  }
}

/**
 * Return the language of an element: that of the nearest one that says it.
 *
 * @param {Element} element
 * @returns {string | undefined} a tag, or nothing where nobody says
 */
export function languageAround(element) {
  /** @type {Element | null} */
  let place = element;
  while (place) {
    const near = place.closest("[lang]");
    const lang = near?.getAttribute("lang");
    if (lang) return lang;
    if (near) return undefined; // lang="" says that it is not known
    const root = place.getRootNode();
    place = root instanceof ShadowRoot ? root.host : null;
  }
  return undefined;
}

/**
 * Return an address if it is a page of this very origin, and null otherwise.
 *
 * @param {string} next
 * @param {string} base
 * @param {string} origin
 * @returns {string | null}
 */
export function ownAddress(next, base, origin) {
  try {
    const url = new URL(next, base);
    // A blob: has the origin of its maker too, and is no page of the service.
    const isPage = url.protocol === "https:" || url.protocol === "http:";
    return isPage && url.origin === origin ? url.href : null;
  } catch {
    return null;
  }
}

if (globalThis.customElements && !customElements.get("kortilla-button")) {
  customElements.define("kortilla-button", KortillaButton);
}
