# SPDX-License-Identifier: MIT
"""Files that browsers need to find Kortilla.

``native_messaging`` writes the manifests of the host. ``pkcs11`` adds the card as a
token. Both use the modules of this folder.
"""
