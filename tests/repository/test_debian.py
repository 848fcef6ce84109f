# SPDX-License-Identifier: MIT
"""The Debian package's metadata matches the sources."""

import re
import tomllib

from native_host import cli


def test_the_manual_page_names_each_command(texts: dict[str, str]) -> None:
    page = texts["packaging/debian/kortilla.1"].replace("\\-", "-")
    section = page.partition(".SH COMMANDS")[2].partition(".PP")[0]
    named = re.findall(r"^\.TP\n\.B (.+)$", section, re.MULTILINE)
    assert named == sorted(cli._COMMANDS)


def test_each_requirement_of_the_program_is_debians_or_comes_along(
    texts: dict[str, str],
) -> None:
    control = texts["packaging/debian/control"]
    [depends] = re.findall(r"^Depends: (.+)$", control, re.MULTILINE)
    [vendored] = re.findall(
        r"^vendored='(.+)'$", texts["packaging/debian/build"], re.MULTILINE
    )
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["host"]]
    names = {re.split(r"[\[<>=!; ]", each)[0].lower() for each in wanted}
    # These are for services.
    names -= {"aiohttp", "pyhanko-certvalidator"}
    there = {
        re.sub(r"^python3-", "", each.split()[0].split(".")[0])
        for each in depends.split(", ")
    }
    there = {each.replace("pyside6", "pyside6-essentials") for each in there}
    assert names <= there | set(vendored.split("|"))


def test_the_package_needs_each_module_of_qt_that_the_window_has(
    texts: dict[str, str],
) -> None:
    used = {
        module
        for name, text in texts.items()
        if name.startswith("native_host/")
        for module in re.findall(
            r"^\s*(?:from|import) PySide6\.(\w+)", text, re.MULTILINE
        )
    }
    control = texts["packaging/debian/control"]
    assert used
    assert {m for m in used if f"python3-pyside6.{m.lower()}" not in control} == set()
