// SPDX-License-Identifier: MIT
// The host's self-check (PROTOCOL.md §3), for extension pages.

import { CodedError } from "../shared/coded_error.js";
import { askedLanguage } from "../shared/language.js";
import { extensionOrigin } from "../shared/own_page.js";
import { isRecord, isString } from "../shared/validators.js";

/** @import { Task } from "./operation.js" */

/**
 * One thing that was found. `fix` is the command that fixes it, if any, and who runs it.
 *
 * @typedef {object} Finding
 * @property {string} code
 * @property {"error" | "warning" | "info"} severity
 * @property {string} message a sentence in the person's language
 * @property {{command: string, by: "doctor" | "person" | "root"} | null} fix
 */

/** @typedef {{version: string, system: string, findings: Finding[]}} CheckReport */

const MAX_FINDINGS = 200;

/** @returns {Task<CheckReport>} */
export const checkTask = () => ({
  command: "self-check",
  arguments: { page: extensionOrigin(), ...askedLanguage() },
  readResult: readReport,
});

/**
 * Read the fields that the pages show, and ignore the others: later hosts may send more.
 *
 * @param {unknown} result
 * @returns {CheckReport}
 * @throws {CodedError} HOST_CRASHED
 */
function readReport(result) {
  const { version, system, findings } = isRecord(result) ? result : {};
  if (!isString(version, 1, 64) || !isString(system, 1, 255)) throw unusable();
  if (!Array.isArray(findings) || findings.length > MAX_FINDINGS) throw unusable();
  return { version, system, findings: findings.map(readFinding) };
}

/**
 * @param {unknown} finding
 * @returns {Finding}
 */
function readFinding(finding) {
  const { code, severity, message, fix } = isRecord(finding) ? finding : {};
  if (!isString(code, 1, 64) || !isString(message, 1, 1000)) throw unusable();
  return {
    code,
    // A severity that is not known is not hidden.
    severity: severity === "error" || severity === "info" ? severity : "warning",
    message,
    fix: isRecord(fix) ? readFix(fix) : null,
  };
}

/**
 * @param {Record<string, unknown>} fix
 * @returns {Finding["fix"]}
 */
function readFix({ command, by }) {
  if (!isString(command, 1, 255)) throw unusable();
  return by === "doctor" || by === "person" || by === "root" ? { command, by } : null;
}

/** @returns {CodedError} */
function unusable() {
  return new CodedError("HOST_CRASHED", { detail: "The host gave no usable report." });
}
