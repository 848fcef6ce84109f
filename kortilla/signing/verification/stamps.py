# SPDX-License-Identifier: MIT
"""Reads timestamps (RFC 3161)."""

import hashlib
from collections.abc import Callable

from asn1crypto import cms
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation.generic_cms import (
    extract_certs_for_validation,
    validate_sig_integrity,
)

from kortilla.signing.verification.findings import Stamp

__all__ = ["SAFE_HASHES", "examine_stamp"]

#: The hash functions, by asn1crypto's names, whose collisions nobody can make.
SAFE_HASHES = frozenset(
    f"{family}{bits}" for family in ("sha", "sha3_") for bits in (256, 384, 512)
)


def examine_stamp(
    token: cms.ContentInfo, digest_of: Callable[[str], bytes], *, place: str = ""
) -> Stamp:
    """Check a timestamp's signature, and that it is of a certain content.

    ``digest_of`` hashes the content by a function that hashlib knows. Who signed is not
    judged. For a malformed timestamp, the result is not intact.
    """
    try:
        signed = token["content"]
        stamped = signed["encap_content_info"]["content"].parsed
        imprint = stamped["message_imprint"]
        function = imprint["hash_algorithm"]["algorithm"].native
        signer = extract_signer_info(signed)
        certificates = extract_certs_for_validation(signed)
        own = signer["digest_algorithm"]["algorithm"].native
        if not {function, own} <= SAFE_HASHES:
            return Stamp(intact=False, place=place)
        content = signed["encap_content_info"]["content"].contents
        same, genuine = validate_sig_integrity(
            signer,
            certificates.signer_cert,
            "tst_info",
            hashlib.new(own, content).digest(),
        )
        found = imprint["hashed_message"].native == digest_of(function)
        return Stamp(
            intact=bool(same and genuine and found),
            time=stamped["gen_time"].native,
            certificates=tuple(
                each.dump()
                for each in (certificates.signer_cert, *certificates.other_certs)
            ),
            place=place,
        )
    except Exception:
        # asn1crypto and pyHanko raise any exception on odd input.
        return Stamp(intact=False, place=place)
