# SPDX-License-Identifier: MIT
"""The blocks of ``docs/openid/`` work as they stand, with two real clients."""

import ast
import asyncio
import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from kortilla.cli import main
from kortilla.openid import Settings, create_provider, sub_application
from kortilla.openid.clients.settings import CLAIMS, ClientSettings
from kortilla.openid.login.simulator import CHOICES
from tests.openid.clients.running import listen, serve_on
from tests.openid.provider import SECRET, configuration, key_file

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "openid").glob("*.md"))
GUIDE = "\n".join(page.read_text() for page in PAGES)


def block(kind: str) -> str:
    """Return the block of a kind that a test runs."""
    marked = rf"<!-- A test runs this block as it stands. -->\n```{kind}\n(.*?)```"
    [found] = re.findall(marked, GUIDE, re.DOTALL)
    return str(found)


def test_the_first_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = block("").replace("\\\n", "").splitlines()
    for line in lines[:-1]:
        command, *words = shlex.split(line)
        assert command == "kortilla-server"
        assert main(words) == 0, line
    assert lines[-1] == "kortilla-server openid serve --simulator"
    assert main(["openid", "check", "--simulator"]) == 0


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    settings = Settings.parse(block("toml"), tmp_path / "openid.toml")
    assert settings.clients[0].id == "shop"


@pytest.mark.parametrize(
    ("kind", "name", "command", "count"),
    [
        ("python", "test_shop.py", (sys.executable, "-m", "pytest", "-q"), "2 passed"),
        ("js", "shop.mjs", ("node", "--test"), "pass 2"),
    ],
)
async def test_the_suites_log_in_a_person_and_one_who_cancels(
    files: Path, tmp_path: Path, kind: str, name: str, command: tuple[str], count: str
) -> None:
    text = block(kind)
    assert len(text.splitlines()) <= 20
    # Node looks for packages beside the file.
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / name).write_text(text)
    listener, port = listen()
    issuer = f"http://localhost:{port}"
    clients = configuration()["clients"][:1]
    clients[0]["redirect_uris"] = ["https://shop.example/callback"]
    content = configuration(issuer=issuer, clients=clients)
    settings = Settings.model_validate({**content, "folder": files})
    async with contextlib.AsyncExitStack() as stack:
        provider = create_provider(settings, simulator=True, keys=key_file(files))
        await serve_on(stack, sub_application(provider), listener)
        process = await asyncio.create_subprocess_exec(
            *command,
            str(tmp_path / name),
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "ISSUER": issuer,
                "SECRET": SECRET,
                "PYTEST_ADDOPTS": "-p no:cacheprovider",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert count in said


def test_the_tests_that_the_guide_names_are_there() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", GUIDE))
    tests = (file.read_text() for file in Path(__file__).parent.rglob("test_*.py"))
    there = set(
        re.findall(r"^(?:async )?def (test_\w+)", "\n".join(tests), re.MULTILINE)
    )
    assert len(named) > 40
    assert named <= there, named - there


def _text(node: ast.expr | None) -> str:
    """Return a message in the program, with ``…`` for what is put in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(each) or "…" for each in parts)
    return ""


def _messages(source: str) -> Iterator[str]:
    """Yield each message of a refusal in a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="RefusedError"), args=[_, text, *_]):
                yield _text(text)
            case ast.Call(func=ast.Name(id="InvalidClientError")):
                yield _text(node.keywords[0].value)
            case ast.Call(func=ast.Attribute(attr="refused"), args=[text, *_]):
                yield _text(text)
            case ast.Call(func=ast.Name(id="_refused" | "refused"), args=[text, *_]):
                yield _text(text)
            case ast.FunctionDef(name="_problem"):
                yield from (
                    _text(each.value)
                    for each in ast.walk(node)
                    if isinstance(each, ast.Return)
                )
            case ast.Assign(targets=[ast.Name(id="problem")], value=text):
                yield _text(text)


def test_each_message_in_the_table_is_one_of_the_program() -> None:
    [table] = [each.read_text() for each in PAGES if each.stem == "messages"]
    rows = re.findall(r"^\| (.+?) \| .+ \|$", table, re.MULTILINE)
    told = {each for row in rows for each in row.split("<br>")} - {"message"}
    modules = (ROOT / "kortilla" / "openid").rglob("*.py")
    sources = [each.read_text() for each in modules if each.name != "backchannel.py"]
    assert len(told) > 20
    assert told - {*chain(*map(_messages, sources))} == set()


def test_the_guide_names_each_key_claim_and_choice() -> None:
    rows = re.findall(r"^\| (`.*?) \|", GUIDE, re.MULTILINE)
    named = set(re.findall(r"`([^`]+)`", " ".join(rows)))
    tables = {
        f"[{each}]" for each in ("trust", "revocation", "redis", "pkcs11", "server")
    }
    keys = (
        {*Settings.model_fields}
        - {"folder", "clients"}
        - {each.strip("[]") for each in tables}
    )
    assert keys | tables | {*ClientSettings.model_fields} <= named
    assert {*CLAIMS} | {choice.name for choice in CHOICES} <= named
