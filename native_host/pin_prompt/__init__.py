# SPDX-License-Identifier: MIT
"""Where a person consents and types a PIN: window, terminal, or automatic."""
