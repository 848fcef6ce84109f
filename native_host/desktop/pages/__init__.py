# SPDX-License-Identifier: MIT
"""The pages of the window, each a module with a class ``Page``.

A module is imported when its page is first shown. A new page is a new module, an icon,
and a line in ``PAGES``.
"""

from dataclasses import dataclass

__all__ = ["PAGES", "PageEntry"]


@dataclass(frozen=True)
class PageEntry:
    """A page in the sidebar: its module here, whose name its texts begin with too."""

    name: str
    icon: str


PAGES = (
    PageEntry("card", "person-on-card"),
    PageEntry("sign", "pen"),
    PageEntry("check", "file-tick"),
    PageEntry("self_check", "pulse"),
    PageEntry("browsers", "browser"),
    PageEntry("history", "clock"),
)
