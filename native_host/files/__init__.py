# SPDX-License-Identifier: MIT
"""Signs, checks, encrypts and decrypts the user's own files, without Qt.

The command and the desktop program call the same functions. ``process.sign_files``
signs with the configured card; ``sign`` has the prompt show the files and the card sign
them, and writes the signed files beside the originals. ``check.check_files`` verifies
signed files, and ``words`` says the result in plain words of each language, from
``texts/``. ``library`` calls ``kortilla.signing``, which needs the extra ``signing``.
``encrypt`` and ``decrypt`` need no extra.
"""

#: How the names of encrypted files end.
ENCRYPTED = (".p7m", ".p7e", ".p7c", ".cms")
