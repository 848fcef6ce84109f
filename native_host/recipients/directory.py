# SPDX-License-Identifier: MIT
"""People's certificates in a public directory (LDAP), such as the authority's.

``ldapsearch`` of OpenLDAP asks it, in a process of its own. The directory only finds a
certificate: its holder must be the one who was asked for, and it is checked as all are.
The directory, and anybody who listens on the way, learn who is searched for.
"""

import asyncio
import base64
import contextlib
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from urllib.parse import unquote, urlsplit

from kortilla.encryption import RecipientUnsuitableError
from native_host.errors import ConfigBrokenError, KortillaError, ToolMissingError
from native_host.recipients.person import Person

#: A client identifier (SATU): eight digits and a check character.
SATU = re.compile(r"[0-9]{8}[0-9A-Z]", re.IGNORECASE)

_PROGRAM, _PACKAGE = "ldapsearch", "ldap-utils"
#: Seconds for all of it, and for the network and the search.
_SECONDS, _NETWORK = 20, 10
_MOST_ENTRIES = 20
_LARGEST = 1 << 20  # bytes of the answer
_CERTIFICATE = re.compile(
    rb"^userCertificate(?:;binary)?:: ([A-Za-z0-9+/=]+)$", re.IGNORECASE | re.MULTILINE
)


class DirectoryError(KortillaError):
    """The directory gave no answer that can be used."""

    code = "DIRECTORY_FAILED"


async def find(address: str, satu: str) -> list[Person]:
    """Return the holders of certificates to encrypt to, with this client identifier.

    ``address`` is an LDAP URL, ``ldap://host/c=FI`` (RFC 4516). Raises
    ``ConfigBrokenError`` for another, ``ToolMissingError`` and ``DirectoryError``.
    """
    if not SATU.fullmatch(satu):
        return []
    found = []
    for encoded in _CERTIFICATE.findall(await _ask(_server(address), satu)):
        with contextlib.suppress(ValueError, RecipientUnsuitableError):
            person = Person.from_der(base64.b64decode(encoded))
            # A directory that lies could have the file encrypted to somebody else.
            if person.satu.casefold() == satu.casefold():
                found.append(person)
    return found


def _server(address: str) -> tuple[str, str]:
    """Return the address of the server, and the base of the search."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"ldap", "ldaps", "ldapi"} and bool(parts.netloc)
    except ValueError:
        usable = False
    if not usable or parts.query or not address.isprintable():
        raise ConfigBrokenError(
            "The key 'directory' is no address as ldap://host/c=FI."
        )
    return f"{parts.scheme}://{parts.netloc}", unquote(parts.path.removeprefix("/"))


async def _ask(server: tuple[str, str], satu: str) -> bytes:
    """Return the answer as LDIF."""
    program = shutil.which(_PROGRAM)
    if program is None:
        raise ToolMissingError(f"{_PROGRAM} is missing. Debian has it in {_PACKAGE}.")
    address, base = server
    # Others on this computer see a command, so the identifier is not in it.
    command = (
        *(program, "-x", "-LLL", "-o", "ldif-wrap=no", "-o", f"nettimeout={_NETWORK}"),
        *("-l", str(_NETWORK), "-z", str(_MOST_ENTRIES)),
        *("-H", address, "-b", base, "-s", "sub"),
        *("-f", "-", "(serialNumber=%s)", "userCertificate"),
    )
    # No configuration of the folder or of the person changes what is asked.
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    failure = DirectoryError(f"The directory {address} gave no answer.")
    answer = b""
    try:
        async with asyncio.timeout(_SECONDS):
            if process.stdin is not None:
                process.stdin.write(f"{satu}\n".encode())
                process.stdin.close()
            while process.stdout and (part := await process.stdout.read(1 << 16)):
                answer += part
                if len(answer) > _LARGEST:
                    raise failure
            await process.wait()
    except TimeoutError:
        raise failure from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == _NO_SUCH_OBJECT:
        return b""
    if process.returncode not in {0, _TOO_MANY}:
        raise failure
    return answer


#: Exit statuses of ldapsearch are result codes (RFC 4511 §4.1.9).
_TOO_MANY, _NO_SUCH_OBJECT = 4, 32
