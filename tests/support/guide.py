# SPDX-License-Identifier: MIT
"""The documentation's examples, for the tests that run them."""

import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def blocks(guide: str, language: str) -> list[str]:
    """Return a page's code blocks in a language that the page declares runnable."""
    text = (DOCS / guide).read_text()
    mark = r"<!-- [^>]*this block as it stands[^>]* -->\n"
    found = re.findall(rf"{mark}( *)```{language}\n(.*?)```", text, re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]
