# SPDX-License-Identifier: MIT
"""The card as a token of browsers: ``kortilla pkcs11 enable`` and ``disable``."""
