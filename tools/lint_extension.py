# SPDX-License-Identifier: MIT
"""Lint the extension with web-ext, and fail on any unexpected finding."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: One manifest serves both browsers: Chromium reads `service_worker`, and Firefox,
#: which reads `scripts`, reports that it ignored the other.
EXPECTED = {"BACKGROUND_SERVICE_WORKER_IGNORED"}


def main() -> int:
    """Print each finding; return 1 if any of them is unexpected."""
    run = subprocess.run(  # noqa: S603 - a constant command
        [
            ROOT / "node_modules/.bin/web-ext",
            *("lint", "--output=json", "--no-config-discovery"),
            *("--source-dir", ROOT / "extension"),
        ],
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    try:
        report = json.loads(run.stdout)
    except ValueError:
        print(f"web-ext printed no report, exit {run.returncode}.", run.stdout)
        return 1
    findings = [
        *report["errors"],
        *report["warnings"],
        *report["notices"],
    ]
    unexpected = [entry for entry in findings if entry["code"] not in EXPECTED]
    for entry in unexpected:
        place = f"extension/{entry.get('file', '')}:{entry.get('line', '')}"
        print(f"{place}: {entry['_type']}: {entry['code']}: {entry['message']}")
    print(f"web-ext lint: {len(unexpected)} unexpected findings.")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
