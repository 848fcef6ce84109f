# SPDX-License-Identifier: MIT
"""A configuration that is wrong does not start, and the error names the key."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey

from kortilla import LoginService, Trust
from kortilla.errors import TrustConfigurationError
from kortilla.openid import ConfigurationError, Settings, create_provider
from kortilla.openid.clients.settings import hash_secret
from kortilla.openid.protocol.signing_keys import KeyFile, Keys
from kortilla.testing import KortillaCard
from tests.openid.provider import (
    CLIENT_KEY,
    KEYS,
    SECRET,
    configuration,
    toml,
    write_files,
)

#: What is wrong, by its place: the place, and what is said of each value there.
WRONG: list[tuple[str, dict[Any, str]]] = [
    (
        "issuer",
        {
            None: "this key is missing",
            "http://login.example": "is not https",
            "https://a.example/": ".*slash",
            "https://a.example?b": ".*query",
            "https://a.example#b": "has a fragment",
            "https://Login.example": ".*is not an origin",
            "https://a:b@c.example": "",
            "https://a.example/b c": "has characters",
        },
    ),
    ("isuer", {"x": "there is no such key"}),
    ("folder", {"x": "there is no such key"}),
    ("sso_minutes", {"5": "", 1440: ""}),
    ("redis.url", {"http://x": ""}),
    ("server.port", {70000: ""}),
    ("revocation.by", {"hope": ""}),
    ("clients[0].redirect_uri", {"x": "there is no such key"}),
    (
        "clients[0].secrets[0]",
        {
            "s" * 31: "is shorter than 32 characters",
            # Clients encode it in several ways.
            "s" * 32 + "+": "has other characters",
            "sha256:" + "A" * 64: "is not sha256:",
        },
    ),
    ("clients[0].secrets", {(SECRET, SECRET, SECRET): ""}),
    ("clients[0].authentication", {"tls_client_auth": ""}),
    (
        "clients[0].redirect_uris[0]",
        {
            "http://shop.example/cb": "is not https",
            "http://10.0.0.1/cb": "is not https",
            "https://shop.example/cb#": "has a fragment",
            "app:/cb": "",
            "https://shop.example/ä": "has characters",
            "https://*.example/": "",
            # It would end the page's policy.
            "https://a.example;script-src/": "is not a URL with a host alone",
            "https://shop.example\\.evil.example/cb": "has characters",
            'https://shop.example/"<x>': "has characters",
            "https://[v1.a]/x": "",
            "https://shop.example:/cb": "is not a URL with a host alone",
            "https://a.example:x/": "",
            "https://shop.example/cb?a=b%20c": ".*in another form",
            "https://shop.example/cb?code=1": "has one of code, error",
            "https://shop.example/cb?state=1": "has one of code, error",
            "https://shop.example/cb?iss=1": "has one of code, error",
            "https://shop.example/cb?error=1": "has one of code, error",
        },
    ),
    ("clients[0].redirect_uris", {(): ""}),
    (
        "clients[0].post_logout_redirect_uris[0]",
        {"http://shop.example/": "is not https"},
    ),
    ("clients[0].id", {"a b": ""}),
    ("clients[0].name.sv", {None: "this key is missing"}),
    ("clients[0].name.fi", {"": ""}),
    ("clients[0].claims[0]", {"urn:oid:1.2.246.21": "is none of name, given_name"}),
    ("clients[0].email", {"all@example.invalid": "is not like"}),
]

#: What does not go together: the place, its value, and what is said of what.
OPPOSED: list[tuple[str, Any, str]] = [
    ("clients[0].secrets", [], r"clients\[0\]: .*needs secrets"),
    ("clients[1].secrets", [SECRET], r"clients\[1\]: private_key_jwt needs"),
    ("clients[1].jwks_file", None, r"clients\[1\]: private_key_jwt"),
    ("clients[1].id", "shop", "clients: have the id shop twice"),
    (
        "clients[0].redirect_uris",
        ["https://a.example/", "https://b.example/"],
        r"clients\[0\]: .*sector is needed",
    ),
]


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the configuration with another value in one place; None is none."""
    content = configuration()
    *way, last = [
        int(each) if each.isdigit() else each for each in re.findall(r"\w+", path)
    ]
    place: Any = content
    for each in way:
        place = place.setdefault(each, {}) if isinstance(place, dict) else place[each]
    if value is None:
        del place[last]
    elif isinstance(last, int):
        place[last:] = [value]
    else:
        place[last] = list(value) if isinstance(value, tuple) else value
    return content


@pytest.fixture
def file(tmp_path: Path, card: KortillaCard) -> Path:
    write_files(tmp_path, card)
    return tmp_path / "openid.toml"


def test_the_tests_configuration_is_sound(file: Path) -> None:
    file.write_text(toml(configuration()))
    settings = Settings.load(file)
    assert settings.clients[0].secrets == [hash_secret(SECRET)]
    assert settings.path("ca") == file.parent / "ca"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (path, value, f"{re.escape(path)}: {message}")
        for path, values in WRONG
        for value, message in values.items()
    ]
    + OPPOSED,
)
def test_what_is_wrong_is_named(
    file: Path, path: str, value: Any, message: str
) -> None:
    file.write_text(toml(changed(path, value)))
    with pytest.raises(ConfigurationError) as raised:
        Settings.load(file)
    error = str(raised.value)
    assert re.search(f"{re.escape(str(file))}: {message}", error)
    assert SECRET not in error
    # Of the values, those that are no secrets are named.
    named = "claims" in path or path.endswith("uris[0]")
    assert (f"(client 'shop', {value!a})" in error) == named


def test_all_mistakes_are_named_at_once(file: Path) -> None:
    content = configuration(sso_minutes=-1, more=1)
    content["clients"][0]["secrets"] = ["short"]
    file.write_text(toml(content))
    with pytest.raises(ConfigurationError) as raised:
        Settings.load(file)
    assert len(str(raised.value).splitlines()) == 3


def test_http_is_for_this_computer_and_test_cards() -> None:
    for host in ("localhost:5000", "127.0.0.1:5000"):
        issuer = f"http://{host}"
        settings = Settings.model_validate(configuration(issuer=issuer))
        assert settings.origin == issuer
        with pytest.raises(ValueError, match=r"needs trust\.test"):
            Settings.model_validate(
                configuration(issuer=issuer, trust={"folder": "ca"})
            )


@pytest.mark.parametrize(
    ("mode", "secret", "warned"),
    [
        (0o644, SECRET, True),
        (0o640, SECRET, False),
        (0o644, hash_secret(SECRET), False),
    ],
)
def test_plain_secrets_that_others_may_read_are_noticed(
    file: Path, caplog: pytest.LogCaptureFixture, mode: int, secret: str, warned: bool
) -> None:
    content = configuration()
    content["clients"] = content["clients"][:1]
    content["clients"][0]["secrets"] = [secret]
    file.write_text(toml(content))
    file.chmod(mode)
    Settings.load(file)
    assert ("others may read it" in caplog.text) == warned
    assert SECRET not in caplog.text


def test_a_file_that_is_no_configuration_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Settings.load(file)
    for content in (b"a = ", b"\xff", b"[[issuer]]"):
        file.write_bytes(content)
        with pytest.raises(ConfigurationError, match=re.escape(str(file))):
            Settings.load(file)


@pytest.mark.parametrize(
    ("test", "acr", "message"),
    [
        (True, "http://ftn.ficora.fi/2017/loatest3", ""),
        (True, "urn:kortilla:acr:test", ""),
        (True, "http://ftn.ficora.fi/2017/loa3", "a level of real cards"),
        (True, "urn:kortilla:acr:citizen-certificate", "a level of real cards"),
        (True, "http://eidas.europa.eu/LoA/high", "a level of real cards"),
        (True, "https://ftn.ficora.fi/2017/loa3/", "a level of real cards"),
        (False, "http://ftn.ficora.fi/2017/loa3", ""),
        (False, "urn:kortilla:acr:test", "which is reserved"),
        (False, "urn:kortilla:acr:citizen-certificate", "which is reserved"),
    ],
)
def test_a_level_goes_with_the_trust(test: bool, acr: str, message: str) -> None:
    content = configuration(trust={"folder": "ca", "test": test})
    content["clients"][0]["acr"] = acr
    expected: Any = contextlib.nullcontext()
    if message:
        expected = pytest.raises(ValueError, match=f"shop: .*{message}")
    with expected:
        Settings.model_validate(content)


# --- the files that it names

BROKEN, OFFICE = "it is not a file of keys", r"^clients\[1\].jwks_file: .*"
SHORT_RSA = {"kty": "RSA", "e": "AQAB", "n": "_" * 170 + "w"}
#: By name, since the keys differ from process to process: the file, its content (None:
#: it is missing), and what is said.
FILES: dict[str, tuple[str, str | None, str]] = {
    "no keys": ("keys.json", None, "keys.json: No such file"),
    "empty keys": ("keys.json", "", BROKEN),
    "keys without any": ("keys.json", "{}", BROKEN),
    "keys without a salt": ("keys.json", '{"salt": "", "keys": []}', BROKEN),
    "keys in a list": ("keys.json", "[]", BROKEN),
    "no CA": ("ca", None, "^trust.folder: "),
    "no client's keys": ("office.json", None, OFFICE),
    "client: empty": ("office.json", "", OFFICE + "is not a JWK set"),
    "client: a list": ("office.json", "[]", OFFICE + "is not a JWK set"),
    "client: no key": ("office.json", '{"keys": []}', OFFICE + "is not a JWK set"),
    "client: a private key": (
        "office.json",
        json.dumps({"keys": [CLIENT_KEY.as_dict(private=True)]}),
        OFFICE + "a private key",
    ),
    "client: a short RSA key": (
        "office.json",
        json.dumps({"keys": [SHORT_RSA]}),
        OFFICE + "less than 2048 bits",
    ),
    "client: a secret": (
        "office.json",
        json.dumps({"keys": [OctKey.generate_key().as_dict()]}),
        OFFICE + "RSA or EC",
    ),
}


@pytest.mark.parametrize("mistake", FILES)
def test_a_file_that_can_not_be_used_is_named(file: Path, mistake: str) -> None:
    name, content, message = FILES[mistake]
    file.write_text(toml(configuration()))
    if content is not None:
        (file.parent / name).write_text(content)
    else:
        (file.parent / name).rename(file.parent / "away")
    with pytest.raises(ConfigurationError, match=message):
        create_provider(Settings.load(file))


def test_an_audit_log_that_can_not_be_written_is_named(file: Path) -> None:
    file.write_text(toml(configuration(audit_log="nowhere/audit.jsonl")))
    with pytest.raises(ConfigurationError, match="nowhere/audit"):
        create_provider(Settings.load(file))


def test_what_a_service_without_the_provider_lacks_is_named(file: Path) -> None:
    (file.parent / "empty").mkdir()
    for folder in ("none", "empty"):
        with pytest.raises(TrustConfigurationError, match=r"There is no .*trust updat"):
            Trust.from_folder(file.parent / folder)
    trust = Trust.from_folder(file.parent / "ca", test=True)
    with pytest.raises(ValueError, match=r"is not an origin .*: let a proxy speak"):
        LoginService(origin="http://service.example", trust=trust)


# --- keys


def test_keys_are_rotated_with_an_overlap() -> None:
    once = KEYS.rotated()
    twice = once.rotated()

    def names(keys: Keys) -> set[str]:
        return {key["kid"] for key in keys.public()["keys"]}

    for algorithm in ("RS256", "ES256"):
        assert once.current(algorithm) is KEYS.signing[algorithm, "next"]
        assert once.current(algorithm).kid in names(KEYS) & names(twice)
        assert KEYS.current(algorithm).kid in names(once) - names(twice)
    assert twice.pairwise("a", "b") == KEYS.pairwise("a", "b")


def test_a_running_provider_takes_new_keys_and_keeps_them_if_the_file_breaks(
    tmp_path: Path,
) -> None:
    file = KeyFile(tmp_path / "keys.json")
    file.write(KEYS)
    first = file.read().current("ES256").kid
    file.write(KEYS.rotated())
    second = file.read().current("ES256").kid
    assert second not in (None, first)
    (tmp_path / "keys.json").write_text("{}")
    assert file.read().current("ES256").kid == second
    with pytest.raises(ConfigurationError):
        file.check()


def test_keys_that_others_may_read_after_the_start_are_noticed(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    file.write(KEYS)
    file.check()
    file.path.chmod(0o644)
    for each in (file.check, KeyFile(file.path).read):
        with pytest.raises(ConfigurationError, match="others may read it"):
            each()
    assert file.read().current("ES256").kid == KEYS.current("ES256").kid


def test_a_subject_depends_on_person_sector_and_salt() -> None:
    subjects = {
        keys.pairwise(sector, satu)
        for keys in (KEYS, Keys(b"x" * 32, KEYS.signing))
        for sector in ("a.example", "b.example", "a.example:1")
        for satu in ("99955512B", "99955513C", "1:99955512B")
    }
    assert len(subjects) == 18
    assert all(re.fullmatch(r"[\w-]{43}", subject) for subject in subjects)
