# SPDX-License-Identifier: MIT
"""Trusted lists of the EU (ETSI TS 119 612): who may issue qualified certificates.

``update`` fetches and verifies them, ``TrustLists`` is what a folder has of them, and
``authorities`` finds the one that issued a certificate.
"""
