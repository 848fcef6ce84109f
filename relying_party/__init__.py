# SPDX-License-Identifier: MIT
"""What an e-service installs: login with the Finnish Citizen Certificate.

``validate`` checks one token; ``LoginService`` is login without any web framework;
``relying_party.web``, ``.starlette`` and ``.django`` put it on an application's routes,
and ``.background`` is an event loop for servers that have none.
``validate_signer`` says who signed, ``relying_party.signing`` also what;
``validate_client`` says who a TLS client is whose certificate a server asked for.
``kortilla-rp trust update`` gets the CA certificates that ``Trust.from_folder`` reads.
"""

try:
    from .errors import RelyingPartyError
    from .identity import Identity
    from .login import LoginService
    from .trust import Trust
    from .validation import validate, validate_client, validate_signer
except ModuleNotFoundError as error:
    # The distribution has no requirements of its own: each extra brings what it needs.
    if (error.name or "").startswith(__name__):
        raise
    raise ModuleNotFoundError(
        f"{error.name} is missing: pip install 'kortilla[relying-party]'.",
        name=error.name,
    ) from error

__all__ = [
    "Identity",
    "LoginService",
    "RelyingPartyError",
    "Trust",
    "validate",
    "validate_client",
    "validate_signer",
]
