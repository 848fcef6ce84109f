# SPDX-License-Identifier: MIT
"""The program on the citizen's computer, started by the browser or by people."""

__all__ = ["VERSION", "WEB_EID_VERSION"]

#: Version of Kortilla itself.
VERSION = "0.1.0"

#: The version in the message to the browser at start. Sites and extensions of Web eID
#: compare its major number alone, so it names the supported level of their protocol;
#: the build part names this program.
WEB_EID_VERSION = f"2.9.0+kortilla.{VERSION}"
