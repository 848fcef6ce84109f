# SPDX-License-Identifier: MIT
"""``kortilla demo --tls`` makes the card a token of the demo's browser.

It runs as on a computer without a screen.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_logs_in_with_the_certificate_by_each_version_of_tls(
    tmp_path: Path,
) -> None:
    screens = {"DISPLAY", "WAYLAND_DISPLAY"}
    ran = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "native_host.cli", "demo"),
            *("--tls", "--output", str(tmp_path)),
        ],
        env={name: each for name, each in os.environ.items() if name not in screens},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result["login"] == "ok"
    assert result["tls"] == {"1.2": "ok", "1.3": "ok"}
    first, *_, pictures, signed = ran.stderr.splitlines()
    assert first == "There is no screen here: the demo logs in and signs by itself."
    assert pictures == f"The pictures: {' and '.join(result['pictures'])}"
    assert signed == f"The signed PDF: {result['signed']}"
    for file in (*result["pictures"], result["signed"]):
        assert Path(file).stat().st_size
