# SPDX-License-Identifier: MIT
"""What works on this computer and what does not, without a PIN and without a try.

``examination`` runs the checks. Each check returns findings: a stable code, a severity,
details and what fixes it. Nothing in a finding is personal data: no name, no number
from the card, no path.
"""
