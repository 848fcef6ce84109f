# SPDX-License-Identifier: MIT
"""Signs, checks, encrypts and decrypts the user's own files, without Qt.

The commands call this, and the desktop program by them. ``sign`` has the prompt show
the files and the card sign them, and writes the signed files beside the originals.
``check.check_files`` verifies signed files, and ``words`` says the result in each
language. ``library`` calls ``kortilla.signing``, which needs the extra ``signing``.
"""

#: How the names of encrypted files end.
ENCRYPTED = (".p7m", ".p7e", ".p7c", ".cms")
