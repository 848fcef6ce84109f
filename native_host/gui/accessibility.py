# SPDX-License-Identifier: MIT
"""Roles that Qt's own controls do not have, and scroll areas that answer any request.

Headings and lists of other controls have such roles. Qt's own interface of a scroll
area crashes when it is asked for a child that it does not have. A screen reader asks
for one if the scroll bar has gone since it counted the children.
"""

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QScrollArea, QWidget

from native_host.gui.labels import Heading


class List(QWidget):
    """A list whose children are list items."""


class ListItem(QWidget):
    """An item of a list."""


_ROLES: dict[type[QWidget], QAccessible.Role] = {
    Heading: QAccessible.Role.Heading,
    List: QAccessible.Role.List,
    ListItem: QAccessible.Role.ListItem,
    QScrollArea: QAccessible.Role.Client,
}


class _WithRole(QAccessibleWidget):
    """What Qt tells a screen reader of any widget, with a role."""


def install_roles() -> None:
    """Give headings, scroll areas and the widgets of this module their roles."""
    QAccessible.installFactory(_interface)


def _interface(_key: str, what: QObject | None) -> QAccessibleInterface | None:
    role = next((_ROLES[kind] for kind in _ROLES if isinstance(what, kind)), None)
    if role is None or not isinstance(what, QWidget):
        return None
    return _WithRole(what, role)
