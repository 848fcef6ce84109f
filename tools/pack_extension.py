# SPDX-License-Identifier: MIT
"""Pack the extension for the browsers' stores, reproducibly."""

import hashlib
import json
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTENSION = ROOT / "extension"

#: Manifest keys that a store rejects, or that only the other browser uses. The Chrome
#: Web Store accepts no ``key``: it assigns an id itself.
LEFT_OUT = {
    "chromium": ("key", "browser_specific_settings"),
    "firefox": ("key", "minimum_chrome_version"),
}

#: The earliest time that a zip file can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3


def pack(target: Path, browser: str) -> None:
    """Write the archive for the store of ``chromium`` or ``firefox``.

    Its bytes depend on the extension's files and on zlib alone.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(each for each in EXTENSION.rglob("*") if each.is_file()):
            name = file.relative_to(EXTENSION).as_posix()
            content = file.read_bytes()
            if name == "manifest.json":
                content = _manifest(content, browser)
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = _UNIX, _REGULAR_FILE
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)


def _manifest(content: bytes, browser: str) -> bytes:
    manifest = json.loads(content)
    for key in LEFT_OUT[browser]:
        manifest.pop(key, None)
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    return text.encode()


def main(folder: Path) -> None:
    """Write both archives into a folder, and print their SHA-256 and names."""
    folder.mkdir(parents=True, exist_ok=True)
    version = json.loads((EXTENSION / "manifest.json").read_bytes())["version"]
    for browser in LEFT_OUT:
        target = folder / f"kortilla-{browser}-{version}.zip"
        pack(target, browser)
        print(hashlib.sha256(target.read_bytes()).hexdigest(), target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
