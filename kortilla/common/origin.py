# SPDX-License-Identifier: MIT
"""The origin of a service (RFC 6454)."""

import re

_ORIGIN = re.compile(
    r"https://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?P<port>:[1-9][0-9]{0,4})?"
    r"|http://(?:localhost|127\.0\.0\.1)(?::[1-9][0-9]{0,4})?"
)


def check_origin(origin: str) -> str:
    """Return a service's origin if it is written as browsers write it.

    That is ``https://host[:port]``, in lower case, ASCII (punycode), without a path;
    ``http`` for this computer alone. Raises ``ValueError``: a signature over an origin
    that is written in another way never verifies.
    """
    if (
        len(origin) > 255
        or not _ORIGIN.fullmatch(origin)
        or (origin.startswith("https:") and origin.endswith(":443"))
        or (origin.startswith("http:") and origin.endswith(":80"))
    ):
        remote = bool(re.match(r"http://(?!localhost\b|127\.0\.0\.1\b)", origin))
        raise ValueError(
            f"{origin!r} is not an origin as browsers write it, such as "
            "'https://service.example'."
            + " A service on http is for localhost: let a proxy speak https."
            * remote
        )
    return origin
