# SPDX-License-Identifier: MIT
"""Writes the reference of the library for web services: ``make docs``.

``python -m tools.api_reference FOLDER`` writes static pages with pdoc, one for each
module of ``MODULES``, from docstrings. They load nothing from the network.
"""

import ast
import importlib
import inspect
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType

import django
from django.conf import settings
from pdoc import doc, render

#: The public modules.
MODULES = (
    "kortilla",
    "kortilla.aiohttp",
    "kortilla.audit",
    "kortilla.background",
    "kortilla.django",
    "kortilla.django_auth",
    "kortilla.encryption",
    "kortilla.errors",
    "kortilla.events",
    "kortilla.flask",
    "kortilla.health",
    "kortilla.prometheus",
    "kortilla.redis",
    "kortilla.revocation",
    "kortilla.signing",
    "kortilla.signing.asice",
    "kortilla.signing.cades",
    "kortilla.signing.own_card",
    "kortilla.signing.pades",
    "kortilla.signing.state",
    "kortilla.signing.validation_data",
    "kortilla.signing.verification",
    "kortilla.starlette",
    "kortilla.testing",
    "kortilla.validation.pinned_cas",
    "kortilla.web.challenge",
    "kortilla.web.http",
    "kortilla.web.prepared",
    "kortilla.web.rate_limit",
    "kortilla.web.refusals",
    "kortilla.web.routes",
    "kortilla.web.sessions",
)


def load() -> dict[str, doc.Module]:
    """Import all modules, and the names that a package imports at their first use.

    pdoc does not know our comments of constants (``#:``), so they get theirs here.
    """
    # A module for Django's users can be imported in a project alone.
    apps = ["django.contrib.auth", "django.contrib.contenttypes"]
    settings.configure(INSTALLED_APPS=apps)
    django.setup()
    modules = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            getattr(module, public)
        modules[name] = doc.Module(module)
        for member in modules[name].members.values():
            if isinstance(member, doc.Variable) and not member.docstring:
                member.docstring = comment(module, member.name)
    return modules


def comment(module: ModuleType, constant: str) -> str:
    """Return the comment of a constant, also of one that a package imports."""
    source = inspect.getsource(module)
    # A package may import it for type checkers, below an `if`.
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and constant in {each.name for each in node.names}
        ):
            return comment(importlib.import_module(node.module), constant)
    # A comment is about all assignments up to the next blank line or comment.
    above = re.search(rf"((?:^#:.*\n)+)(?:^\w.*\n)*?^{constant}\b", source, re.M)
    return re.sub(r"^#: ?", "", above[1], flags=re.M) if above else ""


def write(modules: dict[str, doc.Module], folder: Path) -> None:
    """Write the pages into a folder. A warning of pdoc is an error."""
    render.configure(docformat="markdown", show_source=False, footer_text="Kortilla")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Only type checkers have what pydantic's own annotations name.
        warnings.filterwarnings("ignore", ".* parsing .*PydanticDataclass")
        pages = {
            f"{name.replace('.', '/')}.html": render.html_module(module, modules)
            for name, module in modules.items()
        }
        pages["index.html"] = render.html_index(modules)
        pages["search.js"] = render.search_index(modules)
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(load(), Path(sys.argv[1]))
    print(f"{sys.argv[1]}/index.html")
