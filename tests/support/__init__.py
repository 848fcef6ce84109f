# SPDX-License-Identifier: MIT
"""The harness that tests of several rooms share."""
