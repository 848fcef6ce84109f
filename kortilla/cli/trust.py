# SPDX-License-Identifier: MIT
"""``kortilla-server trust``: the CA certificates that a service trusts."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import click

from kortilla.clock import utc_now
from kortilla.common import JsonObject
from kortilla.common.command_output import (
    CommandError,
    json_option,
    print_result,
    print_words,
)
from kortilla.proxies import Proxies
from kortilla.validation import ca_files
from kortilla.validation import pinned_cas as pins
from kortilla.validation.ca_files import CAFile
from kortilla.validation.pinned_cas import PinnedCertificate

_folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("ca"),
    envvar="KORTILLA_TRUST",
    show_default=True,
    show_envvar=True,
    help="Where the CA certificates are, for Trust.from_folder.",
)
_test_option = click.option(
    "--test",
    is_flag=True,
    help="With the authority's test CAs; production trust refuses such a folder.",
)
_warn_option = click.option(
    "--warn-days",
    type=click.IntRange(min=0),
    default=180,
    show_default=True,
    help="Report a CA that ends within so many days.",
)
_pin_option = click.option(
    "--pin",
    "more",
    metavar="SHA256",
    multiple=True,
    envvar="KORTILLA_PINS",
    show_envvar=True,
    help="Another CA that the service trusts, by its fingerprint; may be repeated.",
)


@click.group()
def trust() -> None:
    """Get the authority's CA certificates, and see until when they last."""


@trust.command()
@_folder_option
@_test_option
@_pin_option
@_warn_option
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take them from the files of this folder, and ask nobody.",
)
@click.option(
    "--proxy",
    metavar="http://HOST:PORT",
    help="Ask through this HTTP proxy, in place of the environment's (https_proxy, "
    "http_proxy, no_proxy).",
)
@json_option
def update(
    *,
    folder: Path,
    test: bool,
    more: tuple[str, ...],
    warn_days: int,
    source: Path | None,
    proxy: str | None,
) -> None:
    """Get the CA certificates that are missing.

    Only pinned ones are stored.
    """
    try:
        proxies = Proxies(proxy, trust_env=True)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    wanted = ca_files.wanted(pins.PINS, test=test, more=more)
    failures: Mapping[str, str] = {}
    passed_over: Mapping[str, str] = {}
    if source is not None:
        stored, passed_over = ca_files.take(folder, wanted, source=source)
    else:
        addresses = pins.ADDRESSES
        with click.progressbar(
            length=len(addresses), label="Addresses asked", file=sys.stderr
        ) as bar:
            stored, failures = asyncio.run(
                ca_files.fetch(
                    folder,
                    wanted,
                    addresses=addresses,
                    proxies=proxies,
                    progress=lambda: bar.update(1),
                )
            )
    new = {ca.name for ca in stored if ca.state == "stored"}
    _report(
        folder, wanted, warn_days, new=new, failures=failures, passed_over=passed_over
    )


@trust.command()
@_folder_option
@_test_option
@_pin_option
@_warn_option
@json_option
def show(*, folder: Path, test: bool, more: tuple[str, ...], warn_days: int) -> None:
    """Show the CA certificates, and how long they are valid.

    The exit status is 1 when one is missing, ends soon, has ended or is not wanted.
    """
    wanted = ca_files.wanted(pins.PINS, test=test, more=more)
    _report(folder, wanted, warn_days)


def _report(
    folder: Path,
    wanted: list[PinnedCertificate],
    warn_days: int,
    *,
    new: set[str] | None = None,
    failures: Mapping[str, str] | None = None,
    passed_over: Mapping[str, str] | None = None,
) -> None:
    now = utc_now()
    report = ca_files.inventory(folder, wanted, at=now, warn=timedelta(days=warn_days))
    missing = any(ca.state == "missing" for ca in report)
    # Some URLs have certificates that are not needed, so problems with them matter only
    # while a certificate is missing.
    failures = failures if missing and failures else {}
    words = []
    for ca in report:
        until = f"until {ca.not_after:%Y-%m-%d}" if ca.not_after else "         "
        marked = f"{ca.name} (test CA)" if ca.origin == "test" else ca.name
        sign = "!" if ca.problem else " "
        words.append(f"{sign} {marked}  {until}  {ca.problem}".rstrip())
    words += [f"! {address}: {failure}" for address, failure in failures.items()]
    words += [
        f"- {name!r} was passed over: {why}"
        for name, why in (passed_over or {}).items()
    ]
    result: JsonObject = {
        "folder": str(folder),
        "certificates": [_as_json(ca, new or set()) for ca in report],
    }
    if failures:
        result["addresses"] = failures
    if passed_over:
        result["passedOver"] = passed_over
    problems = [ca for ca in report if ca.problem]
    updating = new is not None
    if missing or (problems and not updating):
        code = "CA_MISSING" if missing else "CA_NEEDS_ATTENTION"
        names = ", ".join(ca.name for ca in problems)
        print_words(words)
        raise CommandError(code, f"See to these in {folder}: {names}.", **result)
    print_result(result, words)


def _as_json(ca: CAFile, new: set[str]) -> JsonObject:
    result: JsonObject = {
        "name": ca.name,
        "state": "stored" if ca.name in new else ca.state,
        "file": str(ca.file) if ca.file else None,
        "sha256": ca.sha256,
        "origin": ca.origin,
        "role": ca.role,
        "validFrom": ca.not_before.isoformat() if ca.not_before else None,
        "validUntil": ca.not_after.isoformat() if ca.not_after else None,
    }
    if ca.problem:
        result["problem"] = ca.problem
    return result
