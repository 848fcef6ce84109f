# SPDX-License-Identifier: MIT
"""A pcscd whose polkit refuses access, as over SSH."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from native_host.card.errors import PcscDeniedError, PcscUnavailableError
from native_host.card.pcsc_connection import establish_context
from tests.support.patience import patience
from tests.support.pcsc import Pcscd


@contextmanager
def refusing(pcscd: Pcscd) -> Iterator[None]:
    """Make pcscd ask polkit, which is unreachable."""
    pcscd.stop_service()
    pcscd.start_service(refuses=True)
    end = time.monotonic() + patience()
    while not _refuses():
        assert time.monotonic() < end, "pcscd did not start"
    yield
    pcscd.stop_service()


def _refuses() -> bool:
    try:
        establish_context()
    except PcscDeniedError:
        return True
    except PcscUnavailableError:
        return False
    raise AssertionError("pcscd lets everybody in")
