# SPDX-License-Identifier: MIT
"""Writes the native-messaging manifests where each browser looks for them."""
