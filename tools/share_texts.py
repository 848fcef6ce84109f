# SPDX-License-Identifier: MIT
"""Copy the texts that the extension shares with the host into its catalogues.

``native_host/texts/shared`` has each once. A message of the extension has the name of
the text in camel case: ``loginMore`` is ``login.more``.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def message_name(key: str) -> str:
    """Return the name of the extension's message for a shared text."""
    return re.sub(r"[._-](\w)", lambda found: found[1].upper(), key)


def shared_messages(language: str) -> dict[str, str]:
    """Return the shared texts of a language by the names of their messages."""
    file = ROOT / f"native_host/texts/shared/{language}.json"
    texts = json.loads(file.read_text(encoding="utf-8"))
    return {message_name(key): text for key, text in texts.items()}


def main() -> None:
    """Copy each shared text that the extension has a message for."""
    for file in (ROOT / "extension/_locales").glob("*/messages.json"):
        messages = json.loads(file.read_text(encoding="utf-8"))
        for name, text in shared_messages(file.parent.name).items():
            if name in messages:
                messages[name]["message"] = text
        written = json.dumps(messages, ensure_ascii=False, indent=2)
        file.write_text(f"{written}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
