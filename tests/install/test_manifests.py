# SPDX-License-Identifier: MIT
"""The data in ``manifests/``, and the manifests that are generated from it."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from native_host.install.contents import manifest
from native_host.install.tables import (
    OWN_HOST,
    Family,
    browsers,
    host_names,
    known_extensions,
)

REPOSITORY = Path(__file__).parents[2]
LAUNCHER = Path("/opt/kortilla/kortilla-host")
HOSTS = {host.name: host for host in host_names()}


def test_our_ids_are_those_that_the_extensions_manifest_gives() -> None:
    extension = json.loads((REPOSITORY / "extension" / "manifest.json").read_text())
    digest = hashlib.sha256(base64.b64decode(extension["key"])).hexdigest()
    letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
    assert HOSTS[OWN_HOST].chromium == (digest[:32].translate(letters),)
    gecko = extension["browser_specific_settings"]["gecko"]["id"]
    assert HOSTS[OWN_HOST].firefox == (gecko,)


def test_each_extension_in_the_table_is_known_to_the_host() -> None:
    assert known_extensions() == {
        *HOSTS[OWN_HOST].chromium,
        "{48e30dea-567c-4965-9e98-7118cfcaca7e}",
        "ncibgoaomkmdpilpocfeponihegamlic",
        "gnmckgbandlkacikdndelhfghdejfido",
        "{e68418bc-f2b0-4459-a9ea-3e72b6751b07}",
    }


@pytest.mark.parametrize(
    ("name", "family", "admitted"),
    [
        (
            *("eu.webeid", "chromium"),
            {
                "allowed_origins": [
                    "chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/",
                    "chrome-extension://gnmckgbandlkacikdndelhfghdejfido/",
                ]
            },
        ),
        (
            *(OWN_HOST, "firefox"),
            {"allowed_extensions": ["{48e30dea-567c-4965-9e98-7118cfcaca7e}"]},
        ),
    ],
)
def test_a_manifest_admits_what_its_family_names(
    name: str, family: Family, admitted: dict[str, list[str]]
) -> None:
    # Braces, quotes and letters beyond ASCII are for no format to read.
    path = Path('/home/ä "{id}"/kortilla-host')
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name)
    assert json.loads(manifest(HOSTS[name], family, path)) == {
        "name": name,
        "description": HOSTS[name].description,
        "path": str(path),
        "type": "stdio",
        **admitted,
    }


def test_more_extensions_go_to_the_family_that_they_belong_to() -> None:
    more = ["p" * 32, "mine@example.org", "{48e30dea-567c-4965-9e98-7118cfcaca7e}"]
    chromium = json.loads(manifest(HOSTS[OWN_HOST], "chromium", LAUNCHER, more))
    firefox = json.loads(manifest(HOSTS[OWN_HOST], "firefox", LAUNCHER, more))
    assert chromium["allowed_origins"][1:] == [f"chrome-extension://{'p' * 32}/"]
    assert firefox["allowed_extensions"] == [
        "{48e30dea-567c-4965-9e98-7118cfcaca7e}",
        "mine@example.org",
    ]


def test_every_browser_of_the_table_has_its_places(home: Path, root: Path) -> None:
    places = {b.name: b.place for b in browsers("user")}
    assert places["brave"] == (
        home / ".config/BraveSoftware/Brave-Browser/NativeMessagingHosts"
    )
    assert places["opera"] == places["chrome"]
    assert places["librewolf"] == home / ".librewolf/native-messaging-hosts"
    everywhere = {b.name: b.place for b in browsers("system", root=root)}
    assert everywhere["firefox"] == root / "usr/lib/mozilla/native-messaging-hosts"
    assert everywhere.keys() == places.keys()
