# SPDX-License-Identifier: MIT
"""A configuration that is wrong does not start, and the error names the key."""

import contextlib
import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey

from kortilla.openid import ConfigurationError, Settings, create_provider
from kortilla.openid.keys import KeyFile, Keys
from kortilla.openid.settings import hash_secret
from kortilla.testing import KortillaCard
from tests.openid.scene import (
    CLIENT_KEY,
    KEYS,
    SECRET,
    configuration,
    toml,
    write_scene,
)

Change = Callable[[dict[str, Any]], object]


def _set(path: str, value: Any) -> Change:
    """Return a change of one key of the configuration."""

    def change(content: dict[str, Any]) -> None:
        *way, last = [int(each) if each.isdigit() else each for each in path.split(".")]
        place: Any = content
        for each in way:
            place = place[each]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


def _twice(content: dict[str, Any]) -> None:
    content["clients"].append(content["clients"][0])


WRONG: dict[str, tuple[Change, str]] = {
    "no issuer": (_set("issuer", None), "issuer: this key is missing"),
    "an http issuer": (_set("issuer", "http://login.example"), "issuer: is not https"),
    "an issuer with a slash": (_set("issuer", "https://a.example/"), "issuer: .*slash"),
    "an issuer with a query": (
        _set("issuer", "https://a.example?b"),
        "issuer: .*query",
    ),
    "an issuer with a fragment": (
        _set("issuer", "https://a.example#b"),
        "issuer: has a fragment",
    ),
    "an issuer in capitals": (
        _set("issuer", "https://Login.example"),
        "issuer: .*is not an origin",
    ),
    "an issuer with a password": (_set("issuer", "https://a:b@c.example"), "issuer: "),
    "an issuer with odd characters": (
        _set("issuer", "https://a.example/b c"),
        "issuer: has characters",
    ),
    "an unknown key": (_set("isuer", "x"), "isuer: there is no such key"),
    "the folder as a key": (_set("folder", "x"), "folder: there is no such key"),
    "an unknown key of a client": (
        _set("clients.0.redirect_uri", "x"),
        r"clients\[0\]\.redirect_uri: there is no such key",
    ),
    "another type": (_set("sso_minutes", "5"), "sso_minutes: "),
    "a day of single sign-on": (_set("sso_minutes", 1440), "sso_minutes: "),
    "a short secret": (
        _set("clients.0.secrets", ["s" * 31]),
        r"clients\[0\]\.secrets\[0\]: is shorter than 32 characters",
    ),
    "a secret that clients encode in several ways": (
        _set("clients.0.secrets", ["s" * 32 + "+"]),
        r"clients\[0\]\.secrets\[0\]: has other characters",
    ),
    "a broken digest": (
        _set("clients.0.secrets", ["sha256:" + "A" * 64]),
        r"clients\[0\]\.secrets\[0\]: is not sha256:",
    ),
    "three secrets": (
        _set("clients.0.secrets", [SECRET] * 3),
        r"clients\[0\]\.secrets",
    ),
    "no secret": (_set("clients.0.secrets", []), r"clients\[0\]: .*needs secrets"),
    "a secret beside keys": (
        _set("clients.1.secrets", [SECRET]),
        r"clients\[1\]: private_key_jwt needs",
    ),
    "no keys": (_set("clients.1.jwks_file", None), r"clients\[1\]: private_key_jwt"),
    "a public client": (
        _set("clients.0.authentication", "none"),
        r"clients\[0\]\.authentication: ",
    ),
    "an http redirect URI": (
        _set("clients.0.redirect_uris", ["http://shop.example/cb"]),
        r"clients\[0\]\.redirect_uris\[0\]: is not https",
    ),
    "an address of this network": (
        _set("clients.0.redirect_uris", ["http://10.0.0.1/cb"]),
        r"clients\[0\]\.redirect_uris\[0\]: is not https",
    ),
    "a redirect URI with a fragment": (
        _set("clients.0.redirect_uris", ["https://shop.example/cb#"]),
        r"clients\[0\]\.redirect_uris\[0\]: has a fragment",
    ),
    "a redirect URI of another scheme": (
        _set("clients.0.redirect_uris", ["app:/cb"]),
        r"clients\[0\]\.redirect_uris\[0\]: ",
    ),
    "a redirect URI with ä": (
        _set("clients.0.redirect_uris", ["https://shop.example/ä"]),
        r"clients\[0\]\.redirect_uris\[0\]: has characters",
    ),
    "a wildcard": (
        _set("clients.0.redirect_uris", ["https://*.example/"]),
        r"clients\[0\]\.redirect_uris\[0\]: ",
    ),
    "a host that would end the page's policy": (
        _set("clients.0.redirect_uris", ["https://a.example;script-src/"]),
        r"clients\[0\]\.redirect_uris\[0\]: is not a URL with a host alone",
    ),
    "a backslash in a redirect URI": (
        _set("clients.0.redirect_uris", ["https://shop.example\\.evil.example/cb"]),
        r"clients\[0\]\.redirect_uris\[0\]: has characters",
    ),
    "a quotation mark in a redirect URI": (
        _set("clients.0.redirect_uris", ['https://shop.example/"<x>']),
        r"clients\[0\]\.redirect_uris\[0\]: has characters",
    ),
    "an IP address of no kind": (
        _set("clients.0.redirect_uris", ["https://[v1.a]/x"]),
        r"clients\[0\]\.redirect_uris\[0\]: ",
    ),
    "a port that is empty": (
        _set("clients.0.redirect_uris", ["https://shop.example:/cb"]),
        r"clients\[0\]\.redirect_uris\[0\]: is not a URL with a host alone",
    ),
    **{
        f"{name} in a redirect URI's query": (
            _set("clients.0.redirect_uris", [f"https://shop.example/cb?{name}=1"]),
            r"clients\[0\]\.redirect_uris\[0\]: has one of code, error",
        )
        for name in ("code", "state", "iss", "error")
    },
    "a redirect URI's query that would change": (
        _set("clients.0.redirect_uris", ["https://shop.example/cb?a=b%20c"]),
        r"clients\[0\]\.redirect_uris\[0\]: .*in another form",
    ),
    "an impossible port of a redirect URI": (
        _set("clients.0.redirect_uris", ["https://a.example:x/"]),
        r"clients\[0\]\.redirect_uris\[0\]: ",
    ),
    "no redirect URI": (
        _set("clients.0.redirect_uris", []),
        r"clients\[0\]\.redirect_uris: ",
    ),
    "an http address for after the logout": (
        _set("clients.0.post_logout_redirect_uris", ["http://shop.example/"]),
        r"clients\[0\]\.post_logout_redirect_uris\[0\]: is not https",
    ),
    "a client twice": (_twice, "clients: have the id shop twice"),
    "an odd client id": (_set("clients.0.id", "a b"), r"clients\[0\]\.id: "),
    "a name in two languages": (
        _set("clients.0.name.sv", None),
        r"clients\[0\]\.name\.sv: this key is missing",
    ),
    "an empty name": (_set("clients.0.name.fi", ""), r"clients\[0\]\.name\.fi: "),
    "several hosts without a sector": (
        _set("clients.0.redirect_uris", ["https://a.example/", "https://b.example/"]),
        r"clients\[0\]: .*sector is needed",
    ),
    "an unknown claim": (
        _set("clients.0.claims", ["urn:oid:1.2.246.21"]),
        r"clients\[0\]\.claims\[0\]: ",
    ),
    "an e-mail address that is one for all": (
        _set("clients.0.email", "all@example.invalid"),
        r"clients\[0\]\.email: is not like",
    ),
    "a level of real cards with test trust": (
        _set("clients.0.acr", "http://ftn.ficora.fi/2017/loa3"),
        "clients: shop: acr is a level of real cards",
    ),
    "a level of the provider's own with test trust": (
        _set("clients.0.acr", "urn:kortilla:acr:citizen-certificate"),
        "clients: shop: acr is a level of real cards",
    ),
    "a level of eIDAS with test trust": (
        _set("clients.0.acr", "http://eidas.europa.eu/LoA/high"),
        "clients: shop: acr is a level of real cards",
    ),
    "a level that looks like one of real cards": (
        _set("clients.0.acr", "https://ftn.ficora.fi/2017/loa3/"),
        "clients: shop: acr is a level of real cards",
    ),
    "another store": (_set("redis", {"url": "http://x"}), r"redis\.url: "),
    "an impossible port": (_set("server", {"port": 70000}), r"server\.port: "),
    "another way of revocation": (
        _set("revocation", {"by": "hope"}),
        r"revocation\.by",
    ),
}


@pytest.fixture
def file(tmp_path: Path, card: KortillaCard) -> Path:
    write_scene(tmp_path, card)
    return tmp_path / "openid.toml"


def test_the_tests_configuration_is_sound(file: Path) -> None:
    file.write_text(toml(configuration()))
    settings = Settings.load(file)
    assert settings.clients[0].secrets == [hash_secret(SECRET)]
    assert settings.path("ca") == file.parent / "ca"


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_named(file: Path, fault: str) -> None:
    change, message = WRONG[fault]
    content = copy.deepcopy(configuration())
    change(content)
    file.write_text(toml(content))
    with pytest.raises(ConfigurationError) as raised:
        Settings.load(file)
    assert re.search(rf"{re.escape(str(file))}: {message}", str(raised.value))
    assert SECRET not in str(raised.value)


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
    file: Path,
    caplog: pytest.LogCaptureFixture,
    mode: int,
    secret: str,
    warned: bool,
) -> None:
    content = configuration()
    content["clients"] = content["clients"][:1]
    content["clients"][0]["secrets"] = [secret]
    file.write_text(toml(content))
    file.chmod(mode)
    Settings.load(file)
    assert ("others may read it" in caplog.text) == warned
    assert SECRET not in caplog.text


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"[[issuer]]"])
def test_a_file_that_is_no_configuration_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=re.escape(str(file))):
        Settings.load(file)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Settings.load(file)


@pytest.mark.parametrize(
    ("test", "acr", "allowed"),
    [
        (True, "http://ftn.ficora.fi/2017/loatest3", True),
        (True, "urn:kortilla:acr:test", True),
        (False, "http://ftn.ficora.fi/2017/loa3", True),
        (False, "urn:kortilla:acr:test", False),
        (False, "urn:kortilla:acr:citizen-certificate", False),
    ],
)
def test_a_level_goes_with_the_trust(test: bool, acr: str, allowed: bool) -> None:
    content = configuration(trust={"folder": "ca", "test": test})
    content["clients"][0]["acr"] = acr
    expected = contextlib.nullcontext() if allowed else pytest.raises(ValueError)
    with expected:
        Settings.model_validate(content)


# --- the files that it names


def provider_error(file: Path) -> str:
    """Return why a provider can't be made."""
    file.write_text(toml(configuration()))
    with pytest.raises(ConfigurationError) as raised:
        create_provider(Settings.load(file))
    return str(raised.value)


def test_missing_keys_are_named(file: Path) -> None:
    (file.parent / "keys.json").unlink()
    assert "keys.json: No such file" in provider_error(file)


@pytest.mark.parametrize("content", ["", "{}", '{"salt": "", "keys": []}', "[]"])
def test_broken_keys_are_named(file: Path, content: str) -> None:
    (file.parent / "keys.json").write_text(content)
    assert "keys.json: it is not a file of keys" in provider_error(file)


def test_keys_that_others_may_read_are_refused(file: Path) -> None:
    (file.parent / "keys.json").chmod(0o644)
    assert "others may read it" in provider_error(file)


def test_missing_ca_certificates_are_named(file: Path) -> None:
    for each in (file.parent / "ca").iterdir():
        each.unlink()
    assert provider_error(file).startswith("trust.folder: ")


#: By name, since the keys differ from process to process.
CLIENT_KEYS: dict[str, tuple[str, str]] = {
    "nothing": ("", "is not a JWK set"),
    "a list": ("[]", "is not a JWK set"),
    "no key": ('{"keys": []}', "is not a JWK set"),
    "a private key": (
        json.dumps({"keys": [CLIENT_KEY.as_dict(private=True)]}),
        "a private key",
    ),
    "a short RSA key": (
        json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": "_" * 170 + "w"}]}),
        "less than 2048 bits",
    ),
    "a secret": (
        json.dumps({"keys": [OctKey.generate_key().as_dict()]}),
        "RSA or EC",
    ),
}


@pytest.mark.parametrize("name", CLIENT_KEYS)
def test_a_client_s_keys_are_public_keys(file: Path, name: str) -> None:
    content, message = CLIENT_KEYS[name]
    (file.parent / "office.json").write_text(content)
    error = provider_error(file)
    assert error.startswith("clients[1].jwks_file: ")
    assert message in error


def test_a_client_s_missing_keys_are_named(file: Path) -> None:
    (file.parent / "office.json").unlink()
    assert "clients[1].jwks_file: " in provider_error(file)


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
    with pytest.raises(ConfigurationError, match="others may read it"):
        file.check()
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
