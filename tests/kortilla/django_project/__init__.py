# SPDX-License-Identifier: MIT
"""A Django project with users by SATU, and its app."""
