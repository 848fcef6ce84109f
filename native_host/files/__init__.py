# SPDX-License-Identifier: MIT
"""Signs the person's own files on their own computer, without a site and without Qt.

``signing.sign_own_files`` reads the files, has the prompt show them and the card sign
them, and writes the signed files beside the originals. ``sources`` reads, ``targets``
writes, and ``library`` calls ``kortilla.signing``, which needs the extra ``signing``.
"""
