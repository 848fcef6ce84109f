# SPDX-License-Identifier: MIT
"""The program on the citizen's computer: what the browser and people start."""

__all__ = ["VERSION", "WEB_EID_VERSION"]

#: Version of Kortilla itself.
VERSION = "0.1.0"

#: What is said to the browser at start. Sites and extensions of Web eID compare
#: its major number alone, so it names the level of their protocol that is spoken;
#: the build part names this program.
WEB_EID_VERSION = f"2.9.0+kortilla.{VERSION}"
