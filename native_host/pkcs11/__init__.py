# SPDX-License-Identifier: MIT
"""The card as a PKCS#11 token for TLS client certificates, over p11-kit's RPC."""
