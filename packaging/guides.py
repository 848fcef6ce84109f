# SPDX-License-Identifier: MIT
"""Puts the guides for citizens, with the pictures in them, into the wheel."""

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_TARGET = "native_host/desktop/guides"


class GuidesHook(BuildHookInterface):  # type: ignore[type-arg] # it has no settings
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        docs = Path(self.root, "docs")
        guides = sorted(docs.glob("citizens/*.md"))
        text = "".join(each.read_text(encoding="utf-8") for each in guides)
        names = {f"screenshots/{name}" for name in re.findall(r"[\w-]+\.png", text)}
        names |= {f"citizens/{each.name}" for each in guides}
        build_data["force_include"] |= {
            str(docs / name): f"{_TARGET}/{name}" for name in sorted(names)
        }
