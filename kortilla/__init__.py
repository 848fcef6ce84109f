# SPDX-License-Identifier: MIT
"""What an e-service installs: login with the Finnish Citizen Certificate.

``validate`` checks one token; ``LoginService`` is login without any web framework;
``kortilla.aiohttp``, ``.starlette`` and ``.django`` put it on an application's routes,
and ``.background`` is an event loop for servers that have none. ``validate_signer``
says who signed, ``kortilla.signing`` also what; ``validate_client`` says who a TLS
client is whose certificate a server asked for. ``kortilla-server trust update`` gets
the CA certificates that ``Trust.from_folder`` reads.
"""

from kortilla.errors import RelyingPartyError
from kortilla.validation.identity import Identity
from kortilla.validation.trust import Trust
from kortilla.validation.validator import validate, validate_client, validate_signer
from kortilla.web.login import LoginService

__all__ = [
    "Identity",
    "LoginService",
    "RelyingPartyError",
    "Trust",
    "validate",
    "validate_client",
    "validate_signer",
]
