# SPDX-License-Identifier: MIT
"""An end to work in a thread on a document that was made to take for ever.

pyHanko bounds what is unpacked, but not how long it reads: a list of a million numbers,
2 MB, takes half a minute and half a gigabyte.
"""

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["SECONDS", "TooSlowError", "run_with_deadline"]

T = TypeVar("T")

#: A PDF of 20 MB as programs write them takes less than one.
SECONDS = 10.0
_AGAIN = 0.2


class TooSlowError(BaseException):
    """Raised in the thread when its time is over.

    Not an ``Exception``, so that no library takes it for a fault that it can mend.
    """


def run_with_deadline(work: Callable[[], T]) -> T:
    """Do work of Python code in this thread; raise ``TooSlowError`` after ``SECONDS``.

    A call into C is not interrupted; those here are bounded by the size of their input.
    """
    thread = threading.get_ident()
    lock = threading.Lock()
    over = threading.Event()

    def interrupt() -> None:
        wait = SECONDS
        # Again and again: what is raised while something is being deleted gets lost.
        while not over.wait(wait):
            with lock:
                if not over.is_set():
                    _raise_in(thread, TooSlowError)
            wait = _AGAIN

    threading.Thread(target=interrupt, daemon=True).start()
    try:
        return work()
    finally:
        with lock:
            over.set()
            # Whatever comes next in this thread is not to be interrupted.
            _raise_in(thread, None)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have the interpreter raise an error in a thread, or not raise it any more."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if error is None else ctypes.py_object(error)
    )
