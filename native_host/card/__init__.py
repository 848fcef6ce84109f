# SPDX-License-Identifier: MIT
"""The FINEID card: APDU, TLV, connection, PC/SC, application session, certificates."""
