# SPDX-License-Identifier: MIT
"""What is in a signed PDF: its signatures, and the revisions they are of.

``objects`` reads a file strictly, once: by ``lexical``, ``sections`` and ``revisions``.
``examine`` finds the signatures. ``later`` judges what came after them: ``whole`` and
``further`` explain the ``changes``. ``pages`` checks what a file shows, and
``irregular`` says who signed a file that can't be read strictly.
"""
