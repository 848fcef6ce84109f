# SPDX-License-Identifier: MIT
"""Turns the errors of ``kortilla.testing`` into the host's own, with the same codes."""

from collections.abc import Iterator
from contextlib import contextmanager

from kortilla import testing
from native_host.errors import InvalidArgumentError, KortillaError

__all__ = ["MockCardBrokenError", "host_errors"]


class MockCardBrokenError(KortillaError):
    """The mock card's folder can't be used; the message names the file and the key."""

    code = "MOCK_CARD_BROKEN"


@contextmanager
def host_errors() -> Iterator[None]:
    """Raise ``MockCardBrokenError`` and the host's ``InvalidArgumentError``.

    Also a decorator of functions that are no coroutines.
    """
    try:
        yield
    except testing.MockCardBrokenError as error:
        raise MockCardBrokenError(str(error)) from error
    except testing.InvalidArgumentError as error:
        raise InvalidArgumentError(str(error)) from error
