# SPDX-License-Identifier: MIT
"""Login with the Finnish Citizen Certificate, for e-services.

``validate`` checks one token. ``LoginService`` is login without a web framework;
``kortilla.aiohttp``, ``.starlette``, ``.django`` and ``.flask`` add its routes to an
application, and ``.background`` runs an event loop for servers that have none.
``validate_signer`` returns who signed, ``kortilla.signing`` also verifies what was
signed;
``validate_client`` returns who the client of a TLS connection is. ``kortilla.testing``
has a mock card for a service's own tests. ``kortilla-server trust update`` downloads
the CA certificates that ``Trust.from_folder`` reads.
"""

from typing import TYPE_CHECKING

from kortilla.common.imports import lazy_names

if TYPE_CHECKING:
    from kortilla.errors import RelyingPartyError
    from kortilla.validation.identity import Identity
    from kortilla.validation.trust import Trust
    from kortilla.validation.trust_folder import TrustFolder
    from kortilla.validation.validator import validate, validate_client, validate_signer
    from kortilla.web.login import LoginService
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "kortilla.errors": "RelyingPartyError",
            "kortilla.validation.identity": "Identity",
            "kortilla.validation.trust": "Trust",
            "kortilla.validation.trust_folder": "TrustFolder",
            "kortilla.validation.validator": "validate validate_client validate_signer",
            "kortilla.web.login": "LoginService",
        },
    )

__all__ = [
    "Identity",
    "LoginService",
    "RelyingPartyError",
    "Trust",
    "TrustFolder",
    "validate",
    "validate_client",
    "validate_signer",
]
