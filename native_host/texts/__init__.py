# SPDX-License-Identifier: MIT
"""The host's texts: a folder for each subject, with a catalogue for each language."""


def as_sentence(words: str) -> str:
    """Return words with a full stop, if they end with no mark."""
    return words if words.endswith((".", "?", "!")) else f"{words}."
