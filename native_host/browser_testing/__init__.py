# SPDX-License-Identifier: MIT
"""A browser with the extension, the program and a mock card, for tests of a service.

It needs ``kortilla[testing-browser]``. The wheel has the extension here.
"""
