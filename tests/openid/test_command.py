# SPDX-License-Identifier: MIT
"""``kortilla-server openid`` as an operator types it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kortilla.cli import main
from kortilla.testing import KortillaCard
from tests.openid.provider import CLIENT_KEY, KEYS, configuration, toml, write_files

NAMES = ("--name-fi", "Kauppa", "--name-sv", 'Butik"en', "--name-en", "The shop")


class Operator:
    """Runs commands in a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.config = folder / "openid.toml"
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        *command, last = arguments[0].split()
        words = ["openid", *command, last, "--config", str(self.config)]
        status = main([*words, *arguments[1:], "--json"])
        return status, json.loads(self._capsys.readouterr().out)

    def failure(self, *arguments: str) -> tuple[str, str]:
        status, content = self.run(*arguments)
        assert status == 1
        return content["error"]["code"], content["error"]["message"]


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(tmp_path, capsys)


@pytest.fixture
def settled(operator: Operator, card: KortillaCard) -> Operator:
    """An operator with a configuration and all files."""
    write_files(operator.folder, card)
    operator.config.write_text(toml(configuration()))
    return operator


def test_an_operator_sets_up_a_provider(operator: Operator, card: KortillaCard) -> None:
    status, _ = operator.run("init", "--issuer", "https://login.example", "--test")
    assert status == 0
    assert (operator.folder / "keys.json").stat().st_mode & 0o777 == 0o600
    code, message = operator.failure("check")
    assert (code, "trust.folder" in message) == ("CONFIGURATION", True)
    assert operator.run("check", "--simulator")[0] == 0
    (operator.folder / "ca").mkdir()
    for file in (card.issuing_ca, card.root_ca):
        (operator.folder / "ca" / file.name).write_bytes(file.read_bytes())
    shop = "--id shop --redirect-uri https://shop.example/cb"
    claims = ("--claims", "name,urn:oid:1.2.246.22")
    status, made = operator.run("client add", *shop.split(), *NAMES, *claims)
    assert (status, len(made["client_secret"])) == (0, 43)
    assert made["client_secret"] not in operator.config.read_text()
    status, checked = operator.run("check")
    assert checked == {
        "issuer": "https://login.example",
        "clients": ["shop"],
        "test": True,
        "store": "memory",
        "advice": "",
        "keys": "file",
    }
    [client] = tomllib.loads(operator.config.read_text())["clients"]
    assert client["claims"] == ["name", "urn:oid:1.2.246.22"]
    assert client["name"] == {"fi": "Kauppa", "sv": 'Butik"en', "en": "The shop"}


def test_a_configuration_is_never_readable_for_others_while_it_is_written(
    settled: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.config.chmod(0o600)
    modes = []
    replace, change = Path.replace, Path.chmod

    def seen(self: Path, target: Path) -> Path:
        modes.append(self.stat().st_mode & 0o777)
        return replace(self, target)

    def chmod(self: Path, mode: int) -> None:
        modes.append(self.stat().st_mode & 0o777)
        change(self, mode)

    monkeypatch.setattr(Path, "replace", seen)
    monkeypatch.setattr(Path, "chmod", chmod)
    uris = ("--redirect-uri", "https://a.example/")
    assert settled.run("client add", "--id", "new", *NAMES, *uris)[0] == 0
    assert set(modes) == {0o600}
    assert settled.config.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in settled.folder.glob(".openid*")] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--id shop --redirect-uri https://a.example/", "shop twice"),
        ("--id new --redirect-uri http://a.example/", "redirect_uris[0]"),
        (
            "--id new --redirect-uri https://a.example/ "
            "--authentication private_key_jwt",
            "needs jwks_file",
        ),
        (
            "--id new --redirect-uri https://a.example/ --claims name,hetu",
            "(client 'new', 'hetu')",
        ),
    ],
)
def test_a_client_that_is_wrong_is_not_added(
    settled: Operator, arguments: str, message: str
) -> None:
    before = settled.config.read_text()
    code, told = settled.failure("client add", *NAMES, *arguments.split())
    assert (code, message in told) == ("CONFIGURATION", True)
    assert settled.config.read_text() == before


def test_a_client_with_keys_is_added(settled: Operator) -> None:
    keys = settled.folder / "new.json"
    arguments = (
        *("--id", "new", *NAMES, "--redirect-uri", "https://a.example/"),
        *("--authentication", "private_key_jwt", "--jwks", str(keys)),
    )
    keys.write_text(json.dumps({"keys": [CLIENT_KEY.as_dict(private=True)]}))
    _, message = settled.failure("client add", *arguments)
    assert "private key" in message
    keys.write_text(json.dumps({"keys": [CLIENT_KEY.as_dict(private=False)]}))
    status, made = settled.run("client add", *arguments)
    assert status == 0
    assert made == {"client_id": "new", "authentication": "private_key_jwt"}
    assert settled.run("check")[0] == 0


def test_a_client_with_keys_at_an_address_is_added(settled: Operator) -> None:
    url = "http://127.0.0.1:9/jwks"
    arguments = ("--id", "new", *NAMES, "--redirect-uri", "https://a.example/")
    status, made = settled.run("client add", *arguments, "--jwks", url)
    assert (status, made["authentication"]) == (0, "private_key_jwt")
    assert tomllib.loads(settled.config.read_text())["clients"][-1]["jwks_uri"] == url
    # ``check`` asks the address, which is private.
    code, message = settled.failure("check")
    assert (code, "client new at 127.0.0.1" in message) == ("CONFIGURATION", True)


def test_a_public_client_is_added(settled: Operator) -> None:
    page = ("--redirect-uri", "https://a.example/", "--origin", "https://a.example")
    arguments = ("--id", "app", *NAMES, *page)
    _, message = settled.failure("client add", *arguments)
    assert "origins are for public clients" in message
    status, made = settled.run("client add", *arguments, "--public")
    assert (status, made) == (0, {"client_id": "app", "authentication": "none"})
    assert settled.run("check")[0] == 0


def test_a_client_with_a_profile_is_added(settled: Operator) -> None:
    keys = str(settled.folder / "office.json")
    arguments = (
        *("--id", "bank", *NAMES, "--redirect-uri", "https://a.example/"),
        *("--profile", "fapi2", "--jwks", keys),
    )
    _, message = settled.failure("client add", *arguments)
    assert 'profile fapi2 needs algorithm = "ES256"' in message
    assert settled.run("client add", *arguments, "--set", "algorithm=ES256")[0] == 0
    [client] = tomllib.loads(settled.config.read_text())["clients"][-1:]
    assert (client["profile"], client["algorithm"]) == ("fapi2", "ES256")
    assert settled.run("client add", *arguments, "--set", "a]=x")[0] == 2


def test_clients_are_listed_and_removed(settled: Operator) -> None:
    text = "# Above.\n" + settled.config.read_text() + "\n[server]\nport = 1\n"
    text = text.replace("server = ", "# server = ").replace(
        'redirect_uris = ["https://office', 'redirect_uris = [\n  "https://office'
    )
    settled.config.write_text(text)
    before = tomllib.loads(text)
    status, removed = settled.run("client remove", "--id", "office")
    assert (status, removed) == (0, {"client_id": "office"})
    left = settled.config.read_text()
    assert left.startswith("# Above.\n")
    del before["clients"][1]
    assert tomllib.loads(left) == before
    _, listed = settled.run("client list")
    assert [each["id"] for each in listed["clients"]] == ["shop", "post"]
    unknown = settled.failure("client remove", "--id", "office")
    assert unknown[0] == "CLIENT_UNKNOWN"
    inline = toml({"issuer": "https://a.example", "clients": []})
    settled.config.write_text(f"{inline}clients = [{_inline(configuration())}]\n")
    before_text = settled.config.read_text()
    assert settled.failure("client remove", "--id", "post")[0] == "FILE_UNCLEAR"
    assert settled.config.read_text() == before_text


def _inline(content: dict[str, Any]) -> str:
    """Return the client ``post`` as one value."""
    return toml({"x": content["clients"][2]}).removeprefix("x = ").strip()


def test_keys_are_rotated(settled: Operator) -> None:
    following = KEYS.signing["RS256", "next"].kid
    status, told = settled.run("rotate")
    assert (status, told["current"]["RS256"]) == (0, following)
    assert settled.run("check")[0] == 0


@pytest.mark.parametrize(
    ("command", "changes", "code", "message"),
    [
        ("init --issuer https://login.example", {}, "FILE_EXISTS", "is there already"),
        ("check", {"redis": {"url": "unix:///x"}}, "STORE_UNAVAILABLE", "redis: "),
        ("check --public", {"issuer": "http://127.0.0.1:9"}, "ADDRESS", "127.0.0.1:9/"),
        ("serve", {"isuer": "x"}, "CONFIGURATION", "isuer: there is no such key"),
        ("serve --simulator", {"trust": {}}, "CONFIGURATION", "trust.test"),
    ],
)
def test_what_is_wrong_is_found(
    settled: Operator, command: str, changes: dict[str, Any], code: str, message: str
) -> None:
    settled.config.write_text(toml(configuration(**changes)))
    before = settled.config.read_text()
    found, told = settled.failure(*command.split())
    assert (found, message in told) == (code, True)
    assert settled.config.read_text() == before
