# SPDX-License-Identifier: MIT
"""What the provider signs, checks and keeps; only ``protocol`` uses Authlib here."""
