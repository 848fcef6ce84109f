# SPDX-License-Identifier: MIT
"""What Kortilla has in Windows' registry: where browsers find the host, the agent, and
where a console finds ``kortilla``.

A browser's key below ``NativeMessagingHosts`` has the path of the manifest. The keys of
all known browsers are written, so that one that comes later finds the host too.
"""

import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack

from native_host.install import registry
from native_host.install.changes import (
    Change,
    ChangeFields,
    Plan,
    launcher_path,
    note_folders,
)
from native_host.install.tables import Browser, HostName, host_names, own_files

assert sys.platform == "win32"  # noqa: S101 - mypy reads on only for Windows

_AGENT = "kortilla-agent"
_PATH = registry.Value("Environment", "Path", expands=True)


def manifest_named(browser: Browser, host: HostName) -> Path | None:
    """Return the manifest that a browser finds: the user's, or that for everyone."""
    value = _value(browser, host)
    texts = [value.read(), *value.read_for_everyone()]
    return next((Path(each) for each in texts if each is not None), None)


def add_to(plan: Plan, chosen: Iterable[Browser]) -> None:
    """Tell browsers of their manifests, which the plan writes, and start the agent.

    A console that is opened then finds ``kortilla``.
    """
    for browser in _first(chosen):
        for host in host_names():
            manifest = str(browser.place / f"{host.name}.json")
            value = _value(browser, host)
            found = manifest_named(browser, host)
            others = found is not None and str(found) != manifest and found.exists()
            if host.shared and others:
                plan.add(Change(str(value), "kept", browser.name, host.name))
            else:
                _write(plan, value, manifest, browser=browser.name, host=host.name)
    _write(plan, *_agent())
    folders = _folders()
    if _own_folder() not in folders:
        _write(plan, _PATH, ";".join([*folders, _own_folder()]))
        plan.then(registry.announce_variables)


def remove_from(plan: Plan, chosen: Iterable[Browser], *, every: bool) -> None:
    """Remove what ``add_to`` wrote; with ``every`` also what is for no browser."""
    for browser in _first(chosen):
        for host in host_names():
            value = _value(browser, host)
            if value.read() == str(browser.place / f"{host.name}.json"):
                change = Change(str(value), "removed", browser.name, host.name)
                plan.add(change, value.remove)
    value, command = _agent()
    if every and value.read() == command:
        plan.add(Change(str(value), "removed"), value.remove)
    if every and _own_folder() in (folders := _folders()):
        left = ";".join(each for each in folders if each != _own_folder())
        remove = partial(_PATH.write, left) if left else _PATH.remove
        plan.add(Change(str(_PATH), "removed"), remove)
        plan.then(registry.announce_variables)


def starts_agent() -> bool:
    """Whether Windows starts the agent of this program when the person logs in."""
    value, command = _agent()
    return value.read() == command


def _first(browsers: Iterable[Browser]) -> Iterable[Browser]:
    """Return the first browser of each key: Opera has Chrome's."""
    found: dict[str, Browser] = {}
    for browser in browsers:
        found.setdefault(browser.windows_key, browser)
    return found.values()


def _write(
    plan: Plan, value: registry.Value, text: str, **names: Unpack[ChangeFields]
) -> None:
    def write() -> None:
        note_folders(plan.level, plan.root, value.write(text))

    there = value.read() == text
    change = Change(str(value), "unchanged" if there else "written")
    plan.add(replace(change, **names), None if there else write)


def _value(browser: Browser, host: HostName) -> registry.Value:
    return registry.Value(
        rf"Software\{browser.windows_key}\NativeMessagingHosts\{host.name}"
    )


def _folders() -> list[str]:
    """Return where a console of this person looks for commands, besides Windows'."""
    text = _PATH.read()
    return text.split(";") if text else []


def _own_folder() -> str:
    return str(launcher_path("user").parent)


def _agent() -> tuple[registry.Value, str]:
    row = own_files()[_AGENT]
    command = f'"{launcher_path("user")}" -I -m native_host.cli {row["command"]}'
    return registry.Value(row["windows_key"], _AGENT), command
