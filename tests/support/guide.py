# SPDX-License-Identifier: MIT
"""The examples in the documentation, so that tests can run them."""

import re
from pathlib import Path

__all__ = ["DOCS", "blocks"]

DOCS = Path(__file__).parents[2] / "docs"


def blocks(guide: str, language: str) -> list[str]:
    """Return the blocks of code in a language that a page of docs/ says are run."""
    text = (DOCS / guide).read_text()
    mark = r"<!-- [^>]*this block as it stands[^>]* -->\n"
    return re.findall(rf"{mark}```{language}\n(.*?)```", text, re.DOTALL)
