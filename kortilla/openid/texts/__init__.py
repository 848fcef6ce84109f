# SPDX-License-Identifier: MIT
"""The texts of the provider's pages; see ``kortilla.web.texts``."""
