# SPDX-License-Identifier: MIT
"""What is in a signed PDF: its signatures, and the revisions they are of.

``examine`` finds the signatures. ``lexical`` and ``layout`` read the file strictly, and
``pages`` checks what its pages show.
"""
