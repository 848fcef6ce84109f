# SPDX-License-Identifier: MIT
"""The host's names, the extensions that may start it, and the manifests."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from native_host.browsers.table import Family
from native_host.browsers.templates import template

#: The name that Kortilla's extension uses.
OWN_HOST = "fi.kortilla.host"

_CHROMIUM_ID = re.compile(r"[a-p]{32}")


@dataclass(frozen=True)
class HostName:
    """A native-messaging host name under which Kortilla is registered.

    ``chromium`` and ``firefox`` are the ids of the extensions that may start it.
    ``shared`` says that other programs use the name as well: a manifest of theirs is
    left unchanged.
    """

    name: str
    description: str
    shared: bool
    chromium: tuple[str, ...]
    firefox: tuple[str, ...]


@cache
def host_names() -> tuple[HostName, ...]:
    """Return the host's names, Kortilla's own first."""
    table = json.loads(template("hosts.json"))
    return tuple(
        HostName(
            name=name,
            description=each["description"],
            shared=each["shared"],
            chromium=tuple(each["chromium"]),
            firefox=tuple(each["firefox"]),
        )
        for name, each in table.items()
    )


def known_extensions() -> frozenset[str]:
    """Return the ids of all extensions that may start the host by any of its names."""
    return frozenset(
        extension
        for host in host_names()
        for extension in (*host.chromium, *host.firefox)
    )


def own_extensions() -> frozenset[str]:
    """Return the ids of Kortilla's own extension, in both families."""
    [own] = (host for host in host_names() if host.name == OWN_HOST)
    return frozenset((*own.chromium, *own.firefox))


def manifest(
    host: HostName, family: Family, launcher: Path, extensions: Iterable[str] = ()
) -> bytes:
    """Return the manifest's bytes, which are the same for the same arguments.

    ``launcher`` is the absolute path of the program to start. ``extensions`` are
    further ids to admit; those of the other family are left out.
    """
    ids = list(host.chromium if family == "chromium" else host.firefox)
    for extension in extensions:
        is_chromium = _CHROMIUM_ID.fullmatch(extension) is not None
        if is_chromium == (family == "chromium") and extension not in ids:
            ids.append(extension)
    return filled_manifest(
        family,
        ids,
        name=host.name,
        description=host.description,
        path=str(launcher),
    )


def filled_manifest(kind: str, ids: Iterable[str], **fields: str) -> bytes:
    """Return the template of a kind, filled in with the fields and the list of ids.

    The kinds are ``chromium``, ``firefox`` and ``pkcs11``.
    """
    content = json.loads(template(f"{kind}.json"))
    filled = {
        key: [item.format(id=each) for item in value for each in ids]
        if isinstance(value, list)
        else value.format(**fields)
        for key, value in content.items()
    }
    return (json.dumps(filled, indent=2, ensure_ascii=False) + "\n").encode()
