# SPDX-License-Identifier: MIT
"""``tests.support.warm`` for services, and for the processes that read PDF files."""

import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.support import commands, warm

#: What services on any framework import, and the servers that run them.
_LIBRARY = (
    *("django.core.asgi", "django.core.wsgi", "django.test", "fastapi"),
    # Not gunicorn.config: it looks where it is, once.
    *("gunicorn.workers.gthread", "gunicorn.workers.sync"),
    *("kortilla.aiohttp", "kortilla.cli.openid", "kortilla.django", "kortilla.flask"),
    *("kortilla.openid.serving", "kortilla.openid.setup", "kortilla.prometheus"),
    *("kortilla.openid.login.simulator", "kortilla.revocation"),
    *("kortilla.starlette", "redis.asyncio", "tests.kortilla.django_service"),
    *("tests.kortilla.flask_service", "uvicorn.lifespan.on", "uvicorn.loops.auto"),
    *("uvicorn.main", "uvicorn.protocols.http.auto"),
    "uvicorn.protocols.websockets.auto",
)
#: What a process of ``kortilla.signing.processes`` imports, and nothing more: its
#: memory is limited.
PDF_PROCESS = (
    "kortilla.signing.worker",
    "kortilla.signing.verification.container",
    "kortilla.signing.verification.pdf.examine",
)

#: Starts a program as ``warm.popen`` does.
popen = functools.partial(warm.popen, imports=_LIBRARY)


def run(command: Sequence[object], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program without input to its end."""
    pipe = subprocess.PIPE
    process = popen(command, stdin=pipe, stdout=pipe, stderr=pipe, **options)
    try:
        return commands.end(process)
    finally:
        process.kill()  # it has ended, unless this failed


def start_pdf_process(command: Sequence[str | bytes], **options: Any) -> Any:
    """Replace ``subprocess.Popen`` in ``kortilla.signing.processes``."""
    python, *others = map(os.fsdecode, command)
    if python != sys.executable:
        return subprocess.Popen(command, **options)
    return popen([python, *others], imports=PDF_PROCESS, **options)
