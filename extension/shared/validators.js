// SPDX-License-Identifier: MIT
// Validators for values from pages, from the host and from storage.

/**
 * The validator of each field that an object has.
 *
 * @typedef {Readonly<Record<string, (value: unknown) => boolean>>} Schema
 */

/**
 * @param {unknown} value
 * @param {Schema} schema
 * @returns {value is Record<string, unknown>} whether it has exactly these fields, all
 *   valid
 */
export function matchesSchema(value, schema) {
  return (
    isRecord(value) &&
    Object.keys(value).length === Object.keys(schema).length &&
    Object.entries(schema).every(([name, isValid]) => isValid(value[name]))
  );
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
export function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value
 * @param {number} min length in UTF-16 code units
 * @param {number} max
 * @returns {value is string}
 */
export function isString(value, min, max) {
  return typeof value === "string" && value.length >= min && value.length <= max;
}

/**
 * @param {unknown} value
 * @param {number} max length in characters
 * @returns {value is string} base64 with `+ / =`, not empty
 */
export function isBase64(value, max) {
  return (
    isString(value, 4, max) &&
    value.length % 4 === 0 &&
    /^[A-Za-z0-9+/]+={0,2}$/.test(value)
  );
}

/**
 * @param {unknown} value
 * @param {number} min
 * @param {number} max
 * @returns {value is number}
 */
export function isInteger(value, min, max) {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}
