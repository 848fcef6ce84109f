// SPDX-License-Identifier: MIT
// Checks of values that came from elsewhere.

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
export function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value
 * @param {number} shortest in characters
 * @param {number} longest in characters
 * @returns {value is string}
 */
export function isText(value, shortest, longest) {
  return (
    typeof value === "string" && value.length >= shortest && value.length <= longest
  );
}

/**
 * @param {unknown} value
 * @param {number} longest in characters
 * @returns {value is string} base64 with `+ / =`
 */
export function isBase64(value, longest) {
  return (
    isText(value, 4, longest) &&
    value.length % 4 === 0 &&
    /^[A-Za-z0-9+/]+={0,2}$/.test(value)
  );
}

/**
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 * @returns {value is number} a whole number
 */
export function isCount(value, least, most) {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}
