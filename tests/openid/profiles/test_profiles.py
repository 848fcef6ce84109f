# SPDX-License-Identifier: MIT
"""What a profile demands: of the configuration, and of each request."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import Key

from kortilla.cli import main
from kortilla.openid import ConfigurationError, Settings
from kortilla.testing import KortillaCard
from tests.openid.conftest import MakeOP
from tests.openid.profiles.parties import (
    BANK_CALLBACK,
    SIGNING,
    ask,
    assertion,
    bank,
    broker,
    follow,
    proof,
    push,
    request_claims,
    request_object,
    rsa_keys,
    signed,
    write_keys,
)
from tests.openid.provider import (
    ISSUER,
    SECRET,
    Browser,
    LocalOP,
    configuration,
    toml,
    write_files,
)

# --- the configuration


def refusal(*clients: dict[str, Any]) -> str:
    """Return what is said of a configuration."""
    with pytest.raises(ConfigurationError) as raised:
        Settings.parse(toml(configuration(clients=[*clients])), Path("openid.toml"))
    return str(raised.value)


def test_the_guide_s_clients_are_as_their_profiles_demand() -> None:
    guide = Path(__file__).parents[3] / "docs/openid/profiles.md"
    [block] = re.findall(r"```toml\n(.*?)```", guide.read_text(), re.DOTALL)
    text = f'issuer = "https://login.example"\n{block}'
    settings = Settings.parse(text, Path("openid.toml"))
    assert [each.profile for each in settings.clients] == ["ftn", "fapi2"]


def test_each_violation_is_a_sentence() -> None:
    changes: dict[str, Any] = {
        "algorithm": "RS256",
        "request_object_signing_alg": "RS256",
        "userinfo_signed_response_alg": "RS256",
    }
    assert refusal(bank(**changes)).splitlines() == [
        f"openid.toml: clients[0]: profile fapi2 needs {each} (client 'bank')."
        for each in (
            'algorithm = "ES256"',
            'request_object_signing_alg = "PS256" or "ES256"',
            'userinfo_signed_response_alg = "ES256"',
        )
    ]
    plain = {
        key: value
        for key, value in broker().items()
        if not key.endswith("_alg") and key not in {"acr", "jwks_file"}
    }
    plain |= {"authentication": "client_secret_post", "secrets": [SECRET]}
    said = refusal(plain).splitlines()
    assert len(said) == 5
    for line, key in zip(
        said,
        (
            'authentication = "private_key_jwt"',
            'request_object_signing_alg = "RS256", "PS256" or "ES256"',
            'id_token_encrypted_response_alg = "RSA-OAEP-256", "RSA-OAEP", "ECDH-ES"',
            'userinfo_encrypted_response_alg = "RSA-OAEP-256", "RSA-OAEP", "ECDH-ES"',
            'acr = "http://ftn.ficora.fi/2017/loa2"',
        ),
        strict=True,
    ):
        assert line.startswith(f"openid.toml: clients[0]: profile ftn needs {key}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile": "fapi1"}, "profile: "),
        ({"request_object_signing_alg": "none"}, "request_object_signing_alg: "),
        ({"request_object_signing_alg": "HS256"}, "request_object_signing_alg: "),
        ({"id_token_encrypted_response_alg": "RSA1_5"}, "id_token_encrypted"),
        ({"id_token_encrypted_response_alg": "dir"}, "id_token_encrypted"),
        ({"userinfo_signed_response_alg": "none"}, "userinfo_signed"),
    ],
)
def test_only_what_is_safe_can_be_chosen(changes: dict[str, Any], said: str) -> None:
    assert f"clients[0].{said}" in refusal(broker(**changes))


def test_keys_belong_to_what_needs_them() -> None:
    shop = configuration()["clients"][0]
    said = refusal({**shop, "jwks_file": "shop.json"})
    assert "jwks_file or jwks_uri goes with private_key_jwt" in said
    said = refusal({**shop, "request_object_signing_alg": "ES256"})
    assert "and these need one" in said
    said = refusal({**shop, "userinfo_encrypted_response_alg": "ECDH-ES"})
    assert "and these need one" in said
    both = {"jwks_file": "x", "userinfo_encrypted_response_alg": "ECDH-ES"}
    said = refusal({**shop, **both})
    assert "userinfo_encrypted_response_alg needs userinfo_signed_response_alg" in said


def test_a_client_has_the_key_that_encrypts_for_it(
    tmp_path: Path, card: KortillaCard, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path, card)
    write_keys(tmp_path)
    config = tmp_path / "openid.toml"
    config.write_text(toml(configuration(clients=[bank(), broker()])))
    assert main(["openid", "check", "--config", str(config)]) == 0
    capsys.readouterr()
    sets: list[list[Key]] = [[SIGNING], [SIGNING, rsa_keys()[1]]]
    for keys in sets:
        content = {"keys": [each.as_dict(private=False) for each in keys]}
        (tmp_path / "parties.json").write_text(json.dumps(content))
        assert main(["openid", "check", "--config", str(config)]) == 1
        said = capsys.readouterr().err
        assert re.search(
            r"clients\[1\].jwks_file: .*parties.json: it has no EC key with "
            '"use": "enc" for id_token_encrypted_response_alg',
            " ".join(said.split()),
        )


def test_a_profile_claims_no_level_of_real_cards_for_test_cards() -> None:
    with pytest.raises(ValueError, match="a level of real cards"):
        Settings.model_validate(
            configuration(clients=[broker(acr="http://ftn.ficora.fi/2017/loa2")])
        )
    real = broker(acr="http://ftn.ficora.fi/2017/loa3")
    Settings.model_validate(configuration(clients=[real], trust={"folder": "ca"}))


def test_a_broker_s_keys_are_registered_by_hand() -> None:
    changes = {"jwks_uri": "https://broker.example/keys"}
    plain = {key: value for key, value in broker().items() if key != "jwks_file"}
    assert "profile ftn takes no jwks_uri" in refusal({**plain, **changes})


# --- the Finnish Trust Network


@pytest.mark.parametrize("name", ["state", "nonce", "acr_values", "ftn_spname"])
async def test_the_finnish_profile_demands_parameters(
    browser: Browser, name: str
) -> None:
    answer = await ask(browser, request_object(**{name: None}))
    assert answer.parameters["error"] == "invalid_request"
    said = answer.parameters["error_description"]
    assert said == f"{name} is missing: profile ftn"


@pytest.mark.parametrize(
    ("own", "asked", "fits"),
    [
        ("loatest2", "loatest2", True),
        ("loatest2", "loatest3", False),
        ("loatest2", "loa2", False),
        ("loatest3", "loatest2", True),
        ("loatest3", "other loatest3", True),
        ("loatest3", "other", False),
    ],
)
async def test_a_level_that_is_not_reached_is_refused(
    make_op: MakeOP, keyed: Path, own: str, asked: str, fits: bool
) -> None:
    def level(name: str) -> str:
        return f"http://ftn.ficora.fi/2017/{name}"

    op = make_op(clients=[broker(acr=level(own))])
    wished = " ".join(map(level, asked.split()))
    answer = await ask(Browser(op), request_object(acr_values=wished))
    if fits:
        assert "/login/" in answer.location
    else:
        assert answer.parameters["error"] == "unmet_authentication_requirements"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("fi", "Välittäjä kertoo, että olet menossa palveluun SPECIMEN &amp; Co."),
        ("sv", "Förmedlaren uppger att du är på väg till tjänsten SPECIMEN &amp; Co."),
        ("en", "The broker says that you are on your way to the service SPECIMEN"),
    ],
)
async def test_the_page_names_the_service_behind_the_broker(
    op: LocalOP, language: str, sentence: str
) -> None:
    browser = Browser(op, language=language)
    page = await ask(browser, request_object(ftn_spname="SPECIMEN & Co"))
    shown = await browser.send("GET", page.location)
    assert f'<p class="lead">{sentence}' in shown.text


async def test_no_other_client_names_a_service(browser: Browser) -> None:
    page = await browser.page(ftn_spname="SPECIMEN-PANKKI")
    assert "SPECIMEN-PANKKI" not in (await browser.send("GET", page)).text


@pytest.mark.parametrize(
    "hidden",
    [
        *("\u202e", "\u200b", "\u2066", "\ue000", "\u0085"),
        *("\u034f", "\u1160", "\u2028", "\u2800", "\u3164", "\ufe0f", "\U000e0100"),
    ],
)
async def test_no_letter_of_a_service_s_name_is_hidden(
    browser: Browser, hidden: str
) -> None:
    name = f"SPECIMEN{hidden}-PANKKI"
    answer = await ask(browser, request_object(ftn_spname=name))
    assert "ftn_spname has" in answer.parameters["error_description"]
    answer = await ask(browser, request_object(ftn_spname="S" * 161))
    assert "ftn_spname is too long" in answer.parameters["error_description"]


# --- FAPI 2.0


async def test_the_bank_has_to_push(op: LocalOP, browser: Browser) -> None:
    answer = (await browser.authorize(client_id="bank", redirect_uri=BANK_CALLBACK))[1]
    assert answer.location.startswith(BANK_CALLBACK)
    assert answer.parameters["error"] == "invalid_request"
    assert "PAR" in answer.parameters["error_description"]
    back = await browser.log_in((await follow(browser, (await push(op))[1])).location)
    assert {"code", "iss"} <= back.parameters.keys()


async def test_the_bank_s_assertions_are_for_the_issuer(op: LocalOP) -> None:
    for audience in (f"{ISSUER}/par", f"{ISSUER}/token", [ISSUER], [ISSUER, "x"]):
        _, answer = await push(op, **assertion("bank", aud=audience))
        assert answer.json["error"] == "invalid_client", audience
    # The broker's may be for an endpoint, as many clients send it.
    for audience in (f"{ISSUER}/par", [ISSUER]):
        form = {"request": request_object(), **assertion("broker", aud=audience)}
        assert (await op.post("/par", form)).status == 201


@pytest.mark.parametrize(
    ("algorithm", "fits"), [("RS256", False), ("PS256", True), ("ES256", True)]
)
async def test_the_bank_s_assertions_are_by_strong_algorithms(
    op: LocalOP, algorithm: str, fits: bool
) -> None:
    key = SIGNING if algorithm == "ES256" else rsa_keys()[0]
    now = int(time.time())
    claims = {"iss": "bank", "sub": "bank", "aud": ISSUER, "exp": now + 60, "jti": "a"}
    text = signed(key, claims, {"alg": algorithm})
    _, answer = await push(op, client_assertion=text)
    assert answer.status == (201 if fits else 400)
    # As ever for another client.
    claims |= {"iss": "broker", "sub": "broker", "jti": "b"}
    text = signed(key, claims, {"alg": algorithm})
    form = {**assertion("broker"), "client_assertion": text}
    answer = await op.post("/par", {"request": request_object(), **form})
    assert answer.status == 201


async def test_the_bank_may_sign_its_requests(make_op: MakeOP, keyed: Path) -> None:
    op = make_op(clients=[bank(request_object_signing_alg="ES256")])
    now = int(time.time())

    async def pushed(**changes: Any) -> tuple[int, str]:
        claims = request_claims("bank", **changes)
        form = {"request": signed(SIGNING, claims), **assertion("bank")}
        answer = await op.post("/par", form)
        return answer.status, answer.text

    assert (await pushed())[0] == 201
    assert (await pushed(nbf=now - 3500))[0] == 201
    for nbf in (None, now - 4000, now + 600):
        status, text = await pushed(nbf=nbf)
        assert (status, "invalid_request_object" in text) == (400, True)
    _, answer = await push(op, proof(SIGNING, "/par"))
    assert "request is missing" in answer.json["error_description"]
