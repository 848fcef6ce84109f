# SPDX-License-Identifier: MIT
"""``kortilla demo --tls`` makes the card a token of the demo's browser."""

import asyncio
import json
import sys
from pathlib import Path


async def test_the_demo_logs_in_with_the_certificate_by_each_version_of_tls(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "native_host.cli", "demo"),
        *("--tls", "--headless", "--output", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    result = json.loads(output.splitlines()[-1])
    assert result["login"] == "ok"
    assert result["tls"] == {"1.2": "ok", "1.3": "ok"}
