# SPDX-License-Identifier: MIT
"""The card as a PKCS#11 token: the protocol, the calls, and the windows."""
