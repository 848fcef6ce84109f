# SPDX-License-Identifier: MIT
"""The pages on which a user logs in, and the browsers that have a session."""
