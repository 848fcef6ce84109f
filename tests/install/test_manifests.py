# SPDX-License-Identifier: MIT
"""The data in ``manifests/``, and the manifests that are generated from it."""

import base64
import hashlib
import json
import re
from pathlib import Path

from native_host.install.contents import manifest
from native_host.install.tables import (
    OWN_HOST,
    browsers,
    data_folder,
    host_names,
    known_extensions,
)

REPOSITORY = Path(__file__).parents[2]
LAUNCHER = Path("/opt/kortilla/kortilla-host")
HOSTS = {host.name: host for host in host_names()}


def test_our_chromium_id_is_the_one_that_the_extensions_key_gives() -> None:
    extension = json.loads((REPOSITORY / "extension" / "manifest.json").read_text())
    digest = hashlib.sha256(base64.b64decode(extension["key"])).hexdigest()
    letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
    assert HOSTS[OWN_HOST].chromium == (digest[:32].translate(letters),)


def test_our_firefox_id_is_the_extensions() -> None:
    extension = json.loads((REPOSITORY / "extension" / "manifest.json").read_text())
    gecko = extension["browser_specific_settings"]["gecko"]["id"]
    assert HOSTS[OWN_HOST].firefox == (gecko,)


def test_each_name_is_one_that_browsers_take() -> None:
    for name in HOSTS:
        assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name)


def test_each_extension_in_the_table_is_known_to_the_host() -> None:
    assert known_extensions() == {
        *HOSTS[OWN_HOST].chromium,
        "{48e30dea-567c-4965-9e98-7118cfcaca7e}",
        "ncibgoaomkmdpilpocfeponihegamlic",
        "gnmckgbandlkacikdndelhfghdejfido",
        "{e68418bc-f2b0-4459-a9ea-3e72b6751b07}",
    }


def test_a_chromium_manifest_admits_origins() -> None:
    assert json.loads(manifest(HOSTS["eu.webeid"], "chromium", LAUNCHER)) == {
        "name": "eu.webeid",
        "description": HOSTS["eu.webeid"].description,
        "path": "/opt/kortilla/kortilla-host",
        "type": "stdio",
        "allowed_origins": [
            "chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/",
            "chrome-extension://gnmckgbandlkacikdndelhfghdejfido/",
        ],
    }


def test_a_firefox_manifest_admits_ids() -> None:
    assert json.loads(manifest(HOSTS[OWN_HOST], "firefox", LAUNCHER)) == {
        "name": "fi.kortilla.host",
        "description": HOSTS[OWN_HOST].description,
        "path": "/opt/kortilla/kortilla-host",
        "type": "stdio",
        "allowed_extensions": ["{48e30dea-567c-4965-9e98-7118cfcaca7e}"],
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


def test_a_path_with_braces_quotes_and_letters_beyond_ascii_stays_as_it_is() -> None:
    path = Path('/home/ä "{id}"/kortilla-host')
    fields = json.loads(manifest(HOSTS[OWN_HOST], "firefox", path))
    assert fields["path"] == str(path)


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


def test_the_wheel_holds_the_data_where_the_program_looks() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text()
    assert '"manifests" = "native_host/install/data"' in project
    assert {"browsers.toml", "hosts.json", "chromium.json", "firefox.json"} <= {
        path.name for path in data_folder().iterdir()
    }
