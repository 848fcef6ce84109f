# SPDX-License-Identifier: MIT
"""The registered clients: what each may do, its keys, and a change while it runs."""
