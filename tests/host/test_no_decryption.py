# SPDX-License-Identifier: MIT
"""Nothing that a web page can reach decrypts, or agrees on a secret.

The imports are walked as they stand in the source, those inside functions too.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("native_host", "kortilla")
#: What decrypts. The card's class has the command, and only this module uses it.
DECRYPTION = "native_host.card.decryption"
#: The host that browsers start, the window that asks for a PIN there, and the servers.
REACHABLE = (
    "native_host.__main__",
    "native_host.messaging",
    "native_host.operations",
    "native_host.pin_prompt",
    "kortilla.web",
    "kortilla.openid",
    "kortilla.validation",
)


def modules_under(name: str) -> Iterator[str]:
    place = ROOT / name.replace(".", "/")
    files = [place.with_suffix(".py")] if not place.is_dir() else place.rglob("*.py")
    for file in files:
        parts = file.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__")


@functools.cache
def parsed(module: str) -> ast.Module:
    place = ROOT / module.replace(".", "/")
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return ast.parse(file.read_bytes() if file.exists() else b"")


@functools.cache
def imports_of(module: str) -> frozenset[str]:
    """Return the modules of ours that a module imports, and their packages."""
    found: set[str] = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return frozenset(each for each in found if is_ours(each))


@functools.cache
def is_ours(module: str) -> bool:
    place = ROOT / module.replace(".", "/")
    ours = module.split(".", maxsplit=1)[0] in PACKAGES
    return ours and (place.with_suffix(".py").exists() or place.is_dir())


def reached_from(module: str) -> set[str]:
    waiting, reached = [*modules_under(module)], set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imports_of(name)
    return reached


@pytest.mark.parametrize("module", REACHABLE)
def test_it_does_not_reach_decryption(module: str) -> None:
    reached = reached_from(module)
    assert len(reached) > 5
    assert DECRYPTION not in reached


def test_the_card_deciphers_for_one_module() -> None:
    users = {
        module
        for package in PACKAGES
        for module in modules_under(package)
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Attribute) and node.attr == "decipher"
    }
    assert users == {DECRYPTION}
