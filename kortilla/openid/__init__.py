# SPDX-License-Identifier: MIT
"""An OpenID Provider: card login for services in any language (``kortilla[openid]``).

``Settings.load`` reads the configuration, ``create_provider`` makes the provider, and
``sub_application`` or ``OpenIDApp`` serves it. ``kortilla-server openid`` does all
three. Its floors are ``clients``, ``protocol`` and ``login``, from below.
"""

from typing import TYPE_CHECKING

from kortilla.common.imports import lazy_names

if TYPE_CHECKING:
    from kortilla.errors import ConfigurationError
    from kortilla.openid.clients.settings import Settings
    from kortilla.openid.protocol.metrics import RequestMetrics
    from kortilla.openid.serving import OpenIDApp, sub_application
    from kortilla.openid.setup import create_provider
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "kortilla.errors": "ConfigurationError",
            "kortilla.openid.protocol.metrics": "RequestMetrics",
            "kortilla.openid.serving": "OpenIDApp sub_application",
            "kortilla.openid.clients.settings": "Settings",
            "kortilla.openid.setup": "create_provider",
        },
    )

__all__ = [
    "ConfigurationError",
    "OpenIDApp",
    "RequestMetrics",
    "Settings",
    "create_provider",
    "sub_application",
]
