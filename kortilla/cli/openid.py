# SPDX-License-Identifier: MIT
"""``kortilla-server openid``: card login as an OpenID Provider."""

import asyncio
import contextlib
import json
import logging
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from kortilla.common import JsonObject
from kortilla.common.command_output import CommandError, json_option, print_result
from kortilla.common.imports import missing_words

if TYPE_CHECKING:
    from kortilla.openid.clients.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

_BY_KEY = "private_key_jwt"
_PUBLIC = "none"
_METHODS = ["client_secret_basic", "client_secret_post", _BY_KEY, _PUBLIC]

_config_option = click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("openid.toml"),
    envvar="KORTILLA_OPENID",
    show_default=True,
    show_envvar=True,
    help="The configuration.",
)


def _with_extra(command: Callable[P, R]) -> Callable[P, R]:
    """Report a missing extra, and a configuration that can't be used."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            import authlib  # noqa: F401 - asks whether it is there

            from kortilla.errors import ConfigurationError
        except ImportError as error:
            raise CommandError(
                "TOOL_MISSING", missing_words(error.name or "A module", "openid")
            ) from error
        try:
            return command(*args, **kwargs)
        except ConfigurationError as error:
            raise CommandError("CONFIGURATION", str(error)) from error

    return run


@click.group()
def openid() -> None:
    """Card login for services in any language, by OpenID Connect."""


@openid.command()
@_config_option
@click.option("--issuer", required=True, help="The address, https://login.example.")
@click.option("--test", is_flag=True, help="Trust test cards, for trials.")
@click.option(
    "--pkcs11", metavar="MODULE", help="Make the keys in a token of this library."
)
@click.option("--token", metavar="LABEL", help="The token, with --pkcs11.")
@click.option(
    "--pin-file", metavar="FILE", help="Its PIN; else it is in KORTILLA_PKCS11_PIN."
)
@json_option
@_with_extra
def init(
    *,
    file: Path,
    issuer: str,
    test: bool,
    pkcs11: str | None,
    token: str | None,
    pin_file: str | None,
) -> None:
    """Write a new configuration and new keys beside it."""
    from kortilla.openid.clients.settings import Settings
    from kortilla.openid.protocol.signing_keys import Keys, replace_file
    from kortilla.openid.setup import key_file

    content = f"issuer = {_toml(issuer)}\n"
    content += f'\n[trust]\nfolder = "ca"\ntest = {str(test).lower()}\n'
    given = {"module": pkcs11, "token": token, "pin_file": pin_file}
    if any(given.values()):
        content += "\n[pkcs11]\n" + "".join(
            f"{name} = {_toml(text)}\n" for name, text in given.items() if text
        )
    keys = key_file(Settings.parse(content, file))
    for each in (file, keys.path):
        if each.exists():
            raise CommandError("FILE_EXISTS", f"{each} is there already.")
    with _token_errors():
        made = Keys.create(keys.token)
    replace_file(file, content)
    keys.write(made)
    print_result(
        {"config": str(file), "keys": str(keys.path)},
        [f"Wrote {file} and {keys.path}. Keep the second one secret."],
    )


@openid.command()
@_config_option
@click.option("--simulator", is_flag=True, help="Offer test persons, without cards.")
@click.option("--host", help="Listen there, in place of the configuration's.")
@click.option("--port", type=click.IntRange(0, 65535), help="Likewise; 0 is any.")
@json_option
@_with_extra
def serve(*, file: Path, simulator: bool, host: str | None, port: int | None) -> None:
    """Serve logins until the process is asked to end."""
    from kortilla.openid.clients.registry import Reloader
    from kortilla.openid.clients.settings import Settings
    from kortilla.openid.serving import metrics_served, passed_socket
    from kortilla.openid.serving import serve as run
    from kortilla.openid.setup import create_provider

    settings = Settings.load(file)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )

    # The lines do not have what these cost time for.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

    provider = create_provider(settings, simulator=simulator)
    chosen, metrics = settings.server, {}
    with contextlib.ExitStack() as stack:
        if chosen.metrics_port is not None:
            metrics["metrics"] = stack.enter_context(
                metrics_served(provider, chosen.metrics_host, chosen.metrics_port)
            )

        def started(url: str) -> None:
            print_result(
                {"url": url, "issuer": settings.issuer, **metrics},
                [f"Listening on {url} for {settings.issuer}."],
            )

        asyncio.run(
            run(
                provider,
                host=chosen.host if host is None else host,
                port=chosen.port if port is None else port,
                started=started,
                listening=passed_socket(),
                drain_seconds=chosen.drain_seconds,
                reloader=Reloader(provider.update_clients, file, settings),
            )
        )


@openid.command()
@_config_option
@click.option(
    "--public",
    is_flag=True,
    help="Also ask the issuer's address for its discovery document.",
)
@click.option(
    "--simulator", is_flag=True, help="Check for serve --simulator: no CA is needed."
)
@json_option
@_with_extra
def check(*, file: Path, public: bool, simulator: bool) -> None:
    """Check the configuration and what it names.

    That is its files, Redis and, with --public, the address.
    """
    from kortilla.openid.clients.settings import Settings

    settings = Settings.load(file)
    result = asyncio.run(_check(settings, public=public, simulator=simulator))
    words = [f"{file} is in order: {len(settings.clients)} clients."]
    words += [result["advice"]] if result["advice"] else []
    print_result(result, words)


@openid.command()
@_config_option
@json_option
@_with_extra
def rotate(*, file: Path) -> None:
    """Sign with the next keys from now on, and publish new next ones."""
    from kortilla.openid.clients.settings import Settings
    from kortilla.openid.setup import key_file

    keys = key_file(Settings.load(file))
    with _token_errors():
        rotated = keys.rotate()
    current = {name: rotated.current(name).kid for name in ("RS256", "ES256")}
    print_result(
        {"keys": str(keys.path), "current": current},
        ["Running providers take them at their next use. Rotate again after a day."],
    )


@openid.group()
def client() -> None:
    """Register services."""


@client.command()
@_config_option
@click.option("--id", "name", required=True, help="The client id.")
@click.option("--name-fi", required=True, help="The service's name in Finnish.")
@click.option("--name-sv", required=True, help="In Swedish.")
@click.option("--name-en", required=True, help="In English.")
@click.option("--redirect-uri", "uris", multiple=True, required=True)
@click.option(
    "--authentication",
    type=click.Choice(_METHODS),
    help="private_key_jwt with --jwks, otherwise client_secret_basic by default.",
)
@click.option(
    "--jwks",
    metavar="FILE|URL",
    help="The client's public keys, for private_key_jwt.",
)
@click.option(
    "--profile",
    type=click.Choice(["default", "fapi2", "ftn"]),
    default="default",
    help="What it demands; a message names the keys that are then to be set.",
)
@click.option(
    "--set",
    "more",
    multiple=True,
    metavar="KEY=TEXT",
    help="Another key of the client, such as acr=… or algorithm=ES256.",
)
@click.option("--public", is_flag=True, help="It keeps no secret, as in a browser.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="A page's origin that may call this provider, for --public.",
)
@click.option(
    "--claims",
    default="",
    metavar="NAMES",
    help="What it gets, as name,given_name,family_name; by default only sub.",
)
@json_option
@_with_extra
def add(
    *,
    file: Path,
    name: str,
    name_fi: str,
    name_sv: str,
    name_en: str,
    uris: tuple[str, ...],
    authentication: str | None,
    jwks: str | None,
    profile: str,
    more: tuple[str, ...],
    public: bool,
    origins: tuple[str, ...],
    claims: str,
) -> None:
    """Register a service, and make its secret or take its public keys."""
    from kortilla.openid.clients.keys import load_client_keys
    from kortilla.openid.clients.settings import Settings, hash_secret
    from kortilla.openid.protocol.signing_keys import replace_file

    implied = _BY_KEY if jwks else _PUBLIC if public else _METHODS[0]
    authentication = authentication or implied
    if public and authentication != _PUBLIC:
        raise click.UsageError(f"--public is another client than {authentication}.")
    secret = None if authentication in {_BY_KEY, _PUBLIC} else secrets.token_urlsafe(32)
    lines = [
        "\n[[clients]]",
        f"id = {_toml(name)}",
        f"name = {{ fi = {_toml(name_fi)}, sv = {_toml(name_sv)}, "
        f"en = {_toml(name_en)} }}",
        f"redirect_uris = [{', '.join(map(_toml, uris))}]",
        f"authentication = {_toml(authentication)}",
    ]
    if secret is not None:
        lines.append(f"secrets = [{_toml(hash_secret(secret))}]")
    if jwks is not None and jwks.startswith(("https:", "http:")):
        lines.append(f"jwks_uri = {_toml(jwks)}")
    elif jwks is not None:
        lines.append(f"jwks_file = {_toml(str(Path(jwks).absolute()))}")
    if profile != "default":
        lines.append(f"profile = {_toml(profile)}")
    for each in more:
        key, equals, value = each.partition("=")
        if not equals or not re.fullmatch(r"[a-z_]+", key):
            raise click.UsageError(f"--set {each} is not KEY=TEXT.")
        lines.append(f"{key} = {_toml(value)}")
    if origins:
        lines.append(f"origins = [{', '.join(map(_toml, origins))}]")
    if claims:
        lines.append(f"claims = [{', '.join(map(_toml, claims.split(',')))}]")
    content = file.read_text(encoding="utf-8") + "\n".join(lines) + "\n"
    settings = Settings.parse(content, file)
    load_client_keys(settings, len(settings.clients) - 1, settings.clients[-1])
    replace_file(file, content)
    words = [f"Registered {name}. A running provider takes it within seconds."]
    result = {"client_id": name, "authentication": authentication}
    if secret is not None:
        words.append(f"The secret, which is shown this once: {secret}")
        result["client_secret"] = secret
    print_result(result, words)


@client.command("list")
@_config_option
@json_option
@_with_extra
def show(*, file: Path) -> None:
    """List the services."""
    from kortilla.openid.clients.settings import Settings

    found = Settings.load(file).clients
    print_result(
        {"clients": [{"id": c.id, "authentication": c.authentication} for c in found]},
        [f"{c.id}: {c.name.en}, {c.authentication}" for c in found] or ["No services."],
    )


@client.command()
@_config_option
@click.option("--id", "name", required=True, help="The client id.")
@json_option
@_with_extra
def remove(*, file: Path, name: str) -> None:
    """Remove a service. Its logins that are open then end."""
    from kortilla.openid.clients.settings import Settings
    from kortilla.openid.protocol.signing_keys import replace_file

    text = file.read_text(encoding="utf-8")
    before = Settings.parse(text, file)
    left = [each for each in before.clients if each.id != name]
    if len(left) == len(before.clients):
        raise CommandError("CLIENT_UNKNOWN", f"{file} has no client {name!r}.")
    number = [each.id for each in before.clients].index(name)
    # From its header to the next table's, as ``client add`` and people write them.
    parts = re.split(r"(?m)^(?=\[)", text)
    tables = [n for n, part in enumerate(parts) if part.startswith("[[clients]]")]
    if len(tables) == len(before.clients):
        del parts[tables[number]]
    content = "".join(parts)
    after = Settings.parse(content, file)
    if after != before.model_copy(update={"clients": left}):
        raise CommandError("FILE_UNCLEAR", f"Remove the client from {file} by hand.")
    replace_file(file, content)
    print_result(
        {"client_id": name},
        [f"Removed {name}. A running provider takes it within seconds."],
    )


async def _check(settings: "Settings", *, public: bool, simulator: bool) -> JsonObject:
    from kortilla.errors import StoreUnavailableError
    from kortilla.openid.setup import create_provider

    provider = create_provider(settings, simulator=simulator)
    try:
        await provider.store.check()
        advice = await provider.store.advice()
        for each in provider.protocol.clients.values():
            await each.check_keys()
        if public:
            await _ask(provider.protocol.metadata())
    except StoreUnavailableError as error:
        raise CommandError("STORE_UNAVAILABLE", f"redis: {error}") from error
    finally:
        await provider.close()
    return {
        "issuer": settings.issuer,
        "clients": [each.id for each in settings.clients],
        "test": settings.trust.test,
        "store": "memory" if settings.redis is None else "redis",
        "keys": "file" if settings.pkcs11 is None else "token",
        "advice": advice,
    }


async def _ask(metadata: JsonObject) -> None:
    """Compare the discovery document at the issuer's address with this one."""
    import aiohttp

    url = f"{metadata['issuer']}/.well-known/openid-configuration"
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            content = await answer.json() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CommandError("ADDRESS", f"{url}: {type(error).__name__}.") from None
    if content != metadata:
        raise CommandError("ADDRESS", f"{url} answers something else.")


@contextlib.contextmanager
def _token_errors() -> Iterator[None]:
    """Report a PKCS#11 token that can't be used."""
    from kortilla.errors import StoreUnavailableError

    try:
        yield
    except StoreUnavailableError as error:
        raise CommandError("TOKEN_UNAVAILABLE", f"pkcs11: {error}.") from error


def _toml(text: str) -> str:
    """Return a text as TOML writes it: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
