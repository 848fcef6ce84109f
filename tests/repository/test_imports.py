# SPDX-License-Identifier: MIT
"""Files import only what lies below them, also for their types; no two each other."""

import ast
from collections.abc import Container, Iterator
from pathlib import Path

Imports = dict[str, set[str]]

#: The floors from the top down. A folder uses its own floor and those below.
FLOORS = (
    "native_host.__main__",
    "native_host.messaging",
    "native_host.cli native_host.browser_testing",
    "native_host.desktop",
    "native_host.pkcs11",
    "native_host.doctor native_host.card_report",
    "native_host.agent native_host.install",
    "native_host.files",
    "native_host.recipients",
    "native_host.operations",
    "native_host.pin_prompt",
    "native_host.gui",
    "native_host.state",
    "native_host.card",
    "native_host.texts",
    "native_host.config",
    "native_host.platform",
    "native_host.errors native_host.signing_extra",
    "kortilla.cli",
    "kortilla.openid",
    "kortilla.testing",
    "kortilla.aiohttp kortilla.django kortilla.django_auth kortilla.starlette"
    " kortilla.flask kortilla.prometheus kortilla.redis",
    "kortilla.health kortilla.background",
    "kortilla.web",
    "kortilla.audit kortilla.events",
    # What makes signatures, and the process that also judges them.
    "kortilla.signing.worker",
    "kortilla.signing.asice kortilla.signing.pdf kortilla.signing",
    "kortilla.signing.verification",
    "kortilla.signing.trust_lists",
    "kortilla.signing.processes kortilla.signing.exchange kortilla.signing.state"
    " kortilla.signing.answer kortilla.signing.xades kortilla.signing.validation_data",
    "kortilla.encryption",
    "kortilla.store",
    "kortilla.validation",
    "kortilla.revocation",
    "kortilla.proxies kortilla.errors kortilla.addresses kortilla.threads",
    "kortilla.mock_card",
    "kortilla.clock kortilla.common",
)


def imports(folder: Path, *packages: str) -> Imports:
    """Return what each module of some packages imports of them."""
    modules = {
        ".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(
            ".__init__"
        ): file
        for package in packages
        for file in (folder / package).rglob("*.py")
    }
    return {
        name: {each for each in _imported(file, modules.keys()) if each != name}
        for name, file in modules.items()
    }


def _imported(file: Path, known: Container[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Import(names=aliases):
                yield from (each.name for each in aliases)
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                for each in aliases:
                    submodule = f"{module}.{each.name}"
                    yield submodule if submodule in known else module


def circles(found: Imports) -> set[tuple[str, str]]:
    """Return the pairs of modules that import each other."""
    return {
        (one, other)
        for one, others in found.items()
        for other in others
        if one < other and one in found.get(other, ())
    }


def floor(module: str) -> int:
    """Return the floor of a module: that of the longest name that it begins with."""
    named = {name: number for number, f in enumerate(FLOORS) for name in f.split()}
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next(named[name] for name in names if name in named)


def upward(found: Imports) -> set[tuple[str, str]]:
    """Return each module that imports one of a floor above it, with that one."""
    return {
        (one, other)
        for one, others in found.items()
        for other in others
        if "." in one and "." in other and other in found and floor(other) < floor(one)
    }


def test_no_folder_uses_a_floor_above_it(root: Path) -> None:
    assert upward(imports(root, "kortilla", "native_host")) == set()


def test_a_step_upward_is_found() -> None:
    step = ("native_host.card.pcsc", "native_host.operations.sign")
    assert upward({step[0]: {step[1], "kortilla.errors"}, step[1]: {step[0]}}) == {step}


def test_no_two_files_import_each_other(root: Path) -> None:
    assert circles(imports(root, "kortilla", "native_host")) == set()


def test_a_circle_is_found(tmp_path: Path) -> None:
    for name, source in {
        "a": "from p import b",
        "b": "if TYPE_CHECKING:\n    from p.a import A",
        "c": "import p.a",
    }.items():
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / f"{name}.py").write_text(source)
    assert circles(imports(tmp_path, "p")) == {("p.a", "p.b")}
