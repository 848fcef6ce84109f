# SPDX-License-Identifier: MIT
"""What is in a signed PDF: its signatures, and the revisions they are of.

``objects`` reads a file strictly, once: by ``lexical``, ``sections`` and ``revisions``.
``examine`` finds the signatures. ``further`` judges the ``changes`` that came after
them, and ``whole`` those of the whole file. ``pages`` checks what a file shows, and
``irregular`` says who signed a file that can't be read strictly.
"""
