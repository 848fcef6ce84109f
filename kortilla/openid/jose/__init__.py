# SPDX-License-Identifier: MIT
"""What clients sign, and what is encrypted for them: JWS, JWE and JWT by joserfc."""

from kortilla.openid.clients.profiles import ENCRYPTION_ALGORITHMS, REQUEST_ALGORITHMS
from kortilla.openid.jose.dpop import ALGORITHMS
from kortilla.openid.jose.tokens import CONTENT_ENCRYPTION

#: What the discovery document says of it.
METADATA = {
    "id_token_encryption_alg_values_supported": [*ENCRYPTION_ALGORITHMS],
    "id_token_encryption_enc_values_supported": [CONTENT_ENCRYPTION],
    "userinfo_signing_alg_values_supported": ["RS256", "ES256"],
    "userinfo_encryption_alg_values_supported": [*ENCRYPTION_ALGORITHMS],
    "userinfo_encryption_enc_values_supported": [CONTENT_ENCRYPTION],
    "request_object_signing_alg_values_supported": [*REQUEST_ALGORITHMS],
    "dpop_signing_alg_values_supported": [*ALGORITHMS],
}
