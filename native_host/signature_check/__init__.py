# SPDX-License-Identifier: MIT
"""Says of signed files who signed them and whether they are intact, without Qt.

``check.check_files`` verifies files with ``kortilla.signing.verification``, which needs
the extra ``signing``. ``words`` says the result in plain words of each language, from
``texts/``.
"""
