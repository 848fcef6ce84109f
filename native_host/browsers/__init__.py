# SPDX-License-Identifier: MIT
"""What browsers have to know of Kortilla.

``native_messaging`` writes the manifests of the host. ``pkcs11`` shows the card as a
token. Both use the modules of this folder.
"""
