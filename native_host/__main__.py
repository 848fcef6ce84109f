# SPDX-License-Identifier: MIT
"""The browser's entry point: ``python -I -m native_host``.

The hello is sent before any slow import, and so is the answer to Web eID's ``quit``.
The memory is closed right after the hello. The other imports run while the browser
processes the hello, or after another extension's first message.
"""

import gc
import os
import sys
from collections.abc import Sequence

from native_host import WEB_EID_VERSION
from native_host.platform.hardening import harden, narrow_umask
from native_host.texts.language import choose_language


def main(
    arguments: Sequence[str] | None = None,
    *,
    prompt_command: Sequence[str] | None = None,
) -> int:
    """Serve the browser on standard input and output, and return the exit status.

    ``arguments`` are the browser's (default: the command line's), or ``-c COMMAND
    JSON`` for Web eID's form on the command line. ``prompt_command`` starts another
    program as the PIN window.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    narrow_umask()
    if arguments[:1] == ["-c"]:
        harden()
        from native_host.messaging.command_line import answer

        return answer(arguments[1:])
    fd_in, fd_out = _take_over_stdio()
    # The person's own configuration takes too long to read.
    language = choose_language("system", None)
    hello = f'{{"version":"{WEB_EID_VERSION}","language":"{language}"}}'.encode()
    try:
        os.write(fd_out, len(hello).to_bytes(4, sys.byteorder) + hello)
    except BrokenPipeError:
        return 0
    # The hello needed no import, and this takes 2 ms.
    harden()
    # Imports make no garbage, and the search for it takes 8 ms. `serve` switches the
    # collector on.
    gc.disable()
    from native_host.messaging.host import serve

    return serve(fd_in, fd_out, arguments, prompt_command=prompt_command)


def _take_over_stdio() -> tuple[int, int]:
    """Reserve standard input and output for the protocol.

    A stray print, here or in a library, then goes to standard error and can't break the
    framing, and a child process can't read the browser's messages.
    """
    fd_in, fd_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return fd_in, fd_out


if __name__ == "__main__":
    sys.exit(main())
