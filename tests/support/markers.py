# SPDX-License-Identifier: MIT
"""Marks each test with its requirements, so that developers need not remember.

A test needs what its fixtures and its helpers need. Their code is searched for names
and strings and never run.
"""

import functools
import inspect
import types
from pathlib import Path
from typing import Any

import pytest

#: Names in the code and the marker that each adds. Strings are programs.
_MARKERS = {
    "--input-type=module": "programs",  # of Node.js
    "open_browser": "browser",
    "firefox-esr": "browser",
    "beside": "pcscd",
    "open_pcscd": "pcscd",
    "open_screen": "window",
    "OFFSCREEN": "window",
    "OpenPaceCard": "programs",
    "_SLAPD": "programs",
    "dbus-daemon": "window",
    "as_ordinary": "programs",
    "certutil": "programs",
    "cmsutil": "programs",
    "desktop-file-validate": "programs",
    "gio": "programs",
    "gnome-keyring-daemon": "programs",
    "gpgsm": "programs",
    "hatchling": "slow",  # builds the wheel
    "modutil": "programs",
    "openssl": "programs",
    "p11-kit": "programs",
    "p11tool": "programs",
    "pdfsig": "programs",
    "pdftoppm": "programs",
    "pdftotext": "programs",
    "pk12util": "programs",
    "pkcs11-tool": "programs",
    "redis-sentinel": "programs",
    "redis-server": "programs",
    "softhsm2-util": "programs",
    "thunderbird": "browser",
    "update-desktop-database": "programs",
    "valkey-server": "programs",
    "xmlsec1": "programs",
}
#: Modules of the product whose functions run certutil and modutil.
_RUNNERS = {f"native_host.install.{name}" for name in ("nss", "token")}
#: Folders and files in which each test has the markers, relative to the parent of this
#: file's folder.
PLACES = {
    "agent": "slow",
    "browser": "browser",
    "card/test_profiles.py": "slow",
    "card/test_reader_events.py": "slow",
    "cli/test_doctor.py": "slow",
    "cli/test_identify.py": "slow",
    "cli/test_pkcs11.py": "programs",
    "cli/test_sign_lasting.py": "slow programs",  # poppler draws updated PDFs
    "cli/test_sign_levels.py": "slow",
    "cli/test_verify.py": "slow",
    "corpus/test_corpus.py": "slow extras programs",
    "corpus/test_fuzz.py": "slow extras programs",
    "desktop/test_check_page.py": "slow",
    "desktop/test_sign_page.py": "slow",
    "host/test_caller.py": "slow",
    "host/test_ends.py": "slow",
    "host/test_framing.py": "slow",
    "host/test_own_page.py": "slow",
    "host/test_own_page_commands.py": "slow",
    "kortilla/revocation/test_proxies.py": "slow",
    "kortilla/signing/test_archive.py": "slow",
    "kortilla/signing/test_demo.py": "slow",
    "kortilla/signing/test_hostile.py": "slow",
    "kortilla/signing/test_lasting.py": "slow programs",
    "kortilla/signing/test_levels.py": "slow",
    "kortilla/signing/test_marks.py": "programs",
    "kortilla/signing/test_other_programs.py": "programs",
    "kortilla/signing/test_pades.py": "slow",
    "kortilla/signing/test_processes.py": "slow",
    "kortilla/signing/test_proofs.py": "slow programs",
    "kortilla/signing/test_proven_times.py": "slow programs",
    "kortilla/signing/test_verification.py": "slow",
    "kortilla/test_django_users.py": "slow",
    "kortilla/test_documentation.py": "slow",
    "kortilla/test_documented_services.py": "slow",
    "kortilla/test_setup.py": "slow",
    "kortilla/test_token_command.py": "slow",
    "kortilla/test_wsgi.py": "slow",
    "mock_card/test_certificates.py": "slow",
    "mock_card/test_documentation.py": "slow",
    "mock_card/test_pytest_plugin.py": "slow",
    "mock_card/test_random_commands.py": "slow",
    "openid/profiles/test_real_clients.py": "programs",  # Node.js
    "openid/test_documentation.py": "slow",
    "openid/test_fuzz.py": "slow",
    "openid/test_processes.py": "programs",
    "operations/test_every_fault.py": "slow",
    "operations/test_every_fault_activation.py": "slow",
    "operations/test_every_fault_contactless.py": "slow",
    "operations/test_random_faults.py": "slow",
    "operations/test_remembered_can.py": "programs",
    "pin_prompt/test_document_viewer.py": "slow",
    "pin_prompt/test_image_decoder.py": "slow",
    "pkcs11/test_hostile.py": "slow",
    "pkcs11/test_real.py": "programs",
    "repository/test_api_reference.py": "slow",
    "repository/test_locks.py": "slow",
    "repository/test_setup.py": "slow",
}
_TESTS = Path(__file__).parent.parent


def mark(item: pytest.Item) -> None:
    """Add the markers for a test's requirements."""
    found = set(_of_place(item.path))
    if isinstance(item, pytest.Function):
        found |= needs(item.function)
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            for each in definitions:
                found |= needs(each.func)
    for marker in sorted(found):
        item.add_marker(marker)


@functools.cache
def _of_place(path: Path) -> frozenset[str]:
    place = path.relative_to(_TESTS)
    places = {str(each) for each in (place, *place.parents)}
    return frozenset(
        marker for each in places & PLACES.keys() for marker in PLACES[each].split()
    )


@functools.cache
def needs(thing: object) -> frozenset[str]:
    """Return the markers for a function or a class of the tests."""
    found: set[str] = set()
    seen, todo = {thing}, [thing]
    while todo:
        markers, used = _own_needs(todo.pop())
        found |= markers
        todo += used - seen
        seen |= used
    return frozenset(found)


@functools.cache
def _own_needs(thing: object) -> tuple[set[str], set[object]]:
    """Return the markers for the names in a thing, and the parts of tests it uses."""
    names, values = _named(thing)
    markers = {_MARKERS[name] for name in names & _MARKERS.keys()}
    used: set[object] = set()
    for value in values:
        module = getattr(value, "__module__", None)
        if module in _RUNNERS:
            markers.add("programs")
        if isinstance(module, str) and module.startswith("tests.") and callable(value):
            inner = inspect.unwrap(value)  # a cached function is behind its cache
            if isinstance(inner, types.FunctionType | type):
                used.add(inner)
    return markers, used


def _named(thing: object) -> tuple[set[str], list[Any]]:
    """Return the names in a function or a class, and the values that are known."""
    names: set[str] = set()
    values: list[Any] = []
    if isinstance(thing, type):
        values += thing.__bases__
        for value in vars(thing).values():
            values.append(getattr(value, "__func__", getattr(value, "fget", value)))
    elif isinstance(thing, types.FunctionType):
        function: Any = inspect.unwrap(thing)
        known = function.__globals__
        strings: set[str] = set()
        _add_names(function.__code__, names, strings)
        values += [known[name] for name in names & known.keys()]
        for module in [each for each in values if isinstance(each, types.ModuleType)]:
            inner = vars(module)
            values += [inner[name] for name in names & inner.keys()]
        names |= strings
    return names, values


def _add_names(code: types.CodeType, names: set[str], strings: set[str]) -> None:
    names.update(code.co_names)
    for constant in code.co_consts:
        for each in constant if isinstance(constant, tuple) else (constant,):
            if isinstance(each, str):
                strings.add(each)
            elif isinstance(each, types.CodeType):
                _add_names(each, names, strings)
