# SPDX-License-Identifier: MIT
"""Whom the user encrypts files to: found, checked and remembered, without Qt.

The texts are those of encryption as a whole, for the command and the window.
"""

from collections.abc import Mapping

from native_host.texts.catalogues import catalogue


def load_texts(language: str) -> Mapping[str, str]:
    """Return the sentences of a language: fi, sv or en.

    ``refused.REASON`` is about a recipient (``person.RecipientRefusedError``), and
    ``decrypt.REASON`` about a file (``files.sources.RefusedFilesError``).
    """
    return catalogue("recipients", language)
