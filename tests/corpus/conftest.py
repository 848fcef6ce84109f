# SPDX-License-Identifier: MIT
"""Fixtures for the tests of the corpus."""

from tests.kortilla.conftest import fork_pdf_processes

__all__ = ["fork_pdf_processes"]
