# SPDX-License-Identifier: MIT
"""Starts a service of the documentation as a command of the documentation does.

``python -m tests.kortilla.documented_server LISTENER PROGRAM ARGUMENT…``, in the folder
of ``service.py``. ``LISTENER`` is the number of a listening socket, which takes the
place of the port. Production trust refuses test CAs, so ``Trust.from_folder`` is called
with ``test=True``. Nothing else is changed.
"""

import runpy
import socket
import sys
from functools import partial
from unittest.mock import patch

from aiohttp import web

from kortilla import Trust

__all__: list[str] = []


#: How each program gets the socket.
_OPTIONS = {
    "gunicorn": ["--no-control-socket", "--bind", "fd://{}"],
    "uvicorn": ["--fd", "{}"],
}


def run(listener: int, program: str, arguments: list[str]) -> None:
    """Run a program as the main one, on the socket."""
    if program == "python":
        [file] = arguments
        own, run_app = socket.socket(fileno=listener), web.run_app
        with patch.object(web, "run_app", lambda app, port: run_app(app, sock=own)):
            runpy.run_path(file, run_name="__main__")
        return
    options = [option.format(listener) for option in _OPTIONS[program]]
    sys.argv = [program, *options, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with patch.object(Trust, "from_folder", partial(Trust.from_folder, test=True)):
        run(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
