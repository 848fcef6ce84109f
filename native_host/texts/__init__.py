# SPDX-License-Identifier: MIT
"""The host's texts: a folder for each subject, with a catalogue for each language.

A new language is a new file in each. ``shared`` has what several parts say in the same
words: the PIN window, the desktop window and the extension, for which
``tools/share_texts.py`` copies it.
"""


def as_sentence(words: str) -> str:
    """Return words with a full stop, if they end with no mark."""
    return words if words.endswith((".", "?", "!")) else f"{words}."
