# SPDX-License-Identifier: MIT
"""Where the EU's list of trusted lists is, and who may sign it.

The Commission publishes address and signers in the Official Journal of the EU. The
fingerprints below are those of the certificates that two public programs have from it:
EU DSS (``dss-cookbook/src/main/resources/keystore.p12``, April 2026) and pyHanko 0.38
(``pyhanko/sign/validation/qualified/lotl-certs``). Nobody has compared them with the
journal itself, and nothing has been fetched from the address with them yet.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ListOfLists:
    """A list of lists: its address, and SHA-256 fingerprints of who may sign it.

    Fingerprints are hexadecimal, of whole certificates.
    """

    address: str
    signers: tuple[str, ...]


#: OJ C, C/2026/1944. The one before it, OJ C 276, 16.8.2019, is not pinned any more: a
#: key that was retired must not lead to a list.
_C_2026_1944 = (
    "c0641c4f7d56c431b1c924742db7fce9c1eef7d7fd212113a2768486b3abcdc5",
    "e0a620fbb6747362bb933ac44169d676a553444716cf5f31605f12a22b8396b1",
    "df7e29360c34b2b8d6d5f40325c1d4d12c9922cecd33b7407674a74b2b3ca1e5",
    "b63d416744e7098bf9ec2caa596a93bc2468e37f8284ba65ecc061711bcbaa18",
    "236103f03a8031ae8f47f9059bf8de38564cdbfebedde4a597d50f8980aa653b",
    "d2064fdd70f6982dcc516b86d9d5c56aea939417c624b2e478c0b29de54f8474",
)

EU = ListOfLists(
    "https://ec.europa.eu/tools/lotl/eu-lotl.xml",
    _C_2026_1944,
)
