# SPDX-License-Identifier: MIT
"""Card login over HTTP, independent of the web framework."""
