# SPDX-License-Identifier: MIT
"""Rules for every file of the repository."""

import re
from pathlib import PurePath

#: These have no comments, or are licensed as a whole by LICENSE.
WITHOUT_LICENCE_LINE = {".json", ".md", ".svg", ".txt", ".typed"}


def test_sources_name_their_licence(texts: dict[str, str]) -> None:
    sources = {
        name: text
        for name, text in texts.items()
        if text
        and PurePath(name).suffix not in WITHOUT_LICENCE_LINE
        and not PurePath(name).name.startswith(".")
        and name != "LICENSE"
    }
    assert len(sources) > 30
    assert [
        name
        for name, text in sources.items()
        if "SPDX-License-Identifier: MIT" not in "".join(text.splitlines()[:3])
    ] == []


def test_no_certificate_or_key_is_committed(texts: dict[str, str]) -> None:
    suffixes = {".pem", ".crt", ".cer", ".der", ".p12", ".pfx", ".key"}
    assert [name for name in texts if PurePath(name).suffix in suffixes] == []
    armour = re.compile(r"-----BEGIN [A-Z ]+-----\s+[A-Za-z0-9+/=]{32}")
    assert [name for name, text in texts.items() if armour.search(text)] == []


def test_the_set_up_scripts_can_be_run(texts: dict[str, str]) -> None:
    scripts = {
        *(".ci/run", "tools/command", "tools/lock", "tools/registry"),
        *("tools/system-packages", "packaging/debian/build", "tests/packaging/run"),
        "packaging/debian/modules",
    }
    for name in scripts:
        assert texts[name].startswith("#!/usr/bin/env bash\n"), name
