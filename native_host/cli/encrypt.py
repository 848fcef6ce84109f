# SPDX-License-Identifier: MIT
"""``kortilla encrypt``, ``decrypt`` and ``recipients``: files that only cards open."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from kortilla.common.command_output import (
    error_result,
    for_scripts,
    json_option,
    print_result,
    say,
)
from kortilla.common.escaping import escape_name, shown_path
from kortilla.encryption import PasswordRecipient, Recipient
from kortilla.errors import TrustConfigurationError
from native_host.cli.options import (
    PATH,
    Card,
    PromptKind,
    card_option,
    configured,
    files_argument,
    lang_option,
    out_option,
    prompt_options,
    spoken_language,
)
from native_host.cli.spoken import CommandGroup
from native_host.config import Config
from native_host.errors import InvalidArgumentError
from native_host.files.decrypt import (
    DecryptOutcome,
    DecryptWish,
    FileNotDecryptableError,
    decrypt_own_files,
    decrypt_with_password,
)
from native_host.files.encrypt import (
    encrypt_files,
    new_recovery_password,
    typed_password,
)
from native_host.files.revocation import asking
from native_host.files.sources import RefusedFilesError
from native_host.operations.environment import OpenPrompt, open_source, run_with_prompt
from native_host.operations.request import Context
from native_host.recipients import address_book, directory, load_texts, person
from native_host.recipients import person as persons
from native_host.recipients.address_book import known_names
from native_host.recipients.person import Person, RecipientRefusedError, read_person

_trust_option = click.option(
    "--trust",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder with the authority's CA certificates.",
)


@click.command()
@files_argument()
@click.option(
    "--to",
    multiple=True,
    metavar="WHOM",
    help="A certificate file, a name of `kortilla recipients`, or a client identifier.",
)
@click.option("--own-card", is_flag=True, help="Also to the card in the reader.")
@click.option(
    "--recovery-password",
    is_flag=True,
    help="Also to a new password, which is shown once.",
)
@out_option
@_trust_option
@click.option(
    "--unchecked",
    is_flag=True,
    help="Encrypt even to certificates of others than the authority, or without an "
    "answer about revocation.",
)
@click.option(
    "--for-mail", is_flag=True, help="For programs that can't read AES-GCM: less safe."
)
@json_option
@card_option
@lang_option
def encrypt(
    *,
    files: tuple[Path, ...],
    to: tuple[str, ...],
    own_card: bool,
    recovery_password: bool,
    out: Path | None,
    trust: Path | None,
    unchecked: bool,
    for_mail: bool,
    card: Card | None,
    lang: str | None,
) -> int:
    """Encrypt your own files for the cards of recipients.

    Each file becomes FILE.p7m. The original is left as it is. A card that is lost or
    has expired opens nothing any more: keep the original, or take a password too.
    """
    if not (to or own_card or recovery_password):
        raise click.UsageError("Say to whom: --to, --own-card or --recovery-password.")
    if recovery_password and not (for_scripts() or sys.stdout.isatty()):
        raise click.UsageError("--recovery-password needs a terminal, or --json.")

    config = configured(card=card)
    texts = _texts(config, lang)
    try:
        people = asyncio.run(
            _recipients(
                config, to, trust, texts, own_card=own_card, unchecked=unchecked
            )
        )
    except RecipientRefusedError as error:
        return _refuse(error, texts)
    recipients: list[Recipient] = [each.recipient for each in people]
    password = new_recovery_password() if recovery_password else None
    if password is not None:
        recipients.append(PasswordRecipient(password))
    say(texts["encrypt.lost"])
    if password is not None and not for_scripts():
        # Before the files: after Ctrl+C some of them may be encrypted.
        click.echo(f"{texts['encrypt.password']}\n\n    {password}\n")
    outcome = encrypt_files(files, recipients, out=out, authenticated=not for_mail)
    fields = outcome.fields() | {"recipients": [each.fields() for each in people]}
    words = [
        texts["encrypt.made"].format(path=shown_path(each.path))
        for each in outcome.made
    ]
    if outcome.made:
        words += [texts["encrypt.to"].format(name=_named(each)) for each in people]
    if password is not None and outcome.made:
        fields["recoveryPassword"] = password
    for failed in outcome.failed:
        _say_refusal(failed, texts)
    print_result(fields, words)
    if outcome.made:
        _remember(people)
    return 1 if outcome.failed else 0


def _refuse(error: RecipientRefusedError, texts: Mapping[str, str]) -> int:
    """Say whom something was not done for, and return the exit status."""
    say(f"{error.who}: {texts[f'refused.{error.reason}']}")
    print_result(error_result(error.code, str(error), error.reason))
    return 1


def _remember(people: Sequence[Person]) -> None:
    """Add people to the address book. What was encrypted stays, even if that fails."""

    try:
        address_book.remember([each for each in people if not each.own])
    except address_book.AddressBookError as error:
        say(str(error))


async def _recipients(
    config: Config,
    to: tuple[str, ...],
    trust: Path | None,
    texts: Mapping[str, str],
    *,
    own_card: bool,
    unchecked: bool,
) -> list[Person]:
    """Return the people, whose certificates were checked.

    Raises ``RecipientRefusedError``.
    """

    found = [await _found(config, whom) for whom in to]
    if own_card:
        async with open_source(config) as source:
            own = await persons.own_card(source)
        if len(own) > 1:
            raise InvalidArgumentError("There are several cards. Leave only your own.")
        found += own
    try:
        cas = await asyncio.to_thread(persons.load_trust, trust)
    except TrustConfigurationError as error:
        raise click.UsageError(str(error)) from error
    checked: dict[bytes, Person] = {}
    async with asking() as revocation:
        for each in found:
            checked[each.certificate] = each
            try:
                checked[each.certificate] = await persons.check(
                    each, trust=cas, revocation=revocation
                )
            except persons.RecipientRefusedError as error:
                # The own card is here, so what can't be known of it does no harm.
                if not error.acceptable or not (unchecked or each.own):
                    raise
                if not each.own:
                    why = texts[f"refused.{error.reason}"]
                    say(f"{each.name}: {why} {texts['encrypt.unchecked']}")
    return [*checked.values()]


async def _found(config: Config, whom: str) -> Person:
    """Return whom a word of ``--to`` means: a file, or somebody who is known.

    The configured directory is asked about a client identifier.
    """

    path, shown = Path(whom), escape_name(whom)
    is_path = path.name != whom
    found = [] if is_path else address_book.matching(whom, address_book.people())
    if await asyncio.to_thread(path.is_file):
        if found or (not is_path and directory.SATU.fullmatch(whom)):
            # A file that somebody put here must not pass for a person.
            raise InvalidArgumentError(f"{shown} may be a person or a file: ./{shown}.")
        return person.read_person(path)
    if not found and config.directory:
        found = await directory.find(config.directory, whom)
    if not found:
        raise person.RecipientRefusedError(shown, "not-found")
    if len({(each.name, each.satu) for each in found}) > 1:
        names = ", ".join(map(_named, found))
        raise InvalidArgumentError(f"{shown} may be {names}. Give the identifier.")
    # What was checked before comes first: a forged certificate may name anybody.
    return max(found, key=lambda each: (each.checked is not None, each.not_after))


@click.command()
@files_argument()
@out_option
@click.option(
    "--recovery-password",
    is_flag=True,
    help="Ask for the recovery password, in place of the card.",
)
@prompt_options
def decrypt(
    *,
    files: tuple[Path, ...],
    out: Path | None,
    recovery_password: bool,
    lang: str | None,
    prompt: PromptKind | None,
    card: Card | None,
) -> int:
    """Decrypt files that were encrypted to your card, with PIN1.

    a.pdf.p7m becomes a.pdf, which only you can read. A mail saved as letter.eml becomes
    letter-2.eml. No file is overwritten.
    """

    config = configured(card=card, prompt=prompt)
    texts = _texts(config, lang)
    if recovery_password:
        password = typed_password(_ask_password(texts))
        outcome = decrypt_with_password(files, password, out=out)
    else:
        language = spoken_language(config, lang)
        wish = DecryptWish(files=files, language=language, out=out)

        async def work(open_prompt: OpenPrompt) -> DecryptOutcome:
            async with open_source(config) as source:
                return await decrypt_own_files(Context(source, open_prompt()), wish)

        outcome = run_with_prompt(config, work)
    words = []
    for made in outcome.made:
        words.append(texts["decrypt.made"].format(path=shown_path(made.path)))
        if not made.authenticated:
            words.append(f"  {texts['decrypt.unauthenticated']}")
    for error in outcome.failed:
        _say_refusal(error, texts)
        if isinstance(error, FileNotDecryptableError):
            _say_whom(error, texts)
    print_result(outcome.fields(), words)
    return 1 if outcome.failed else 0


def _say_refusal(error: RefusedFilesError, texts: Mapping[str, str]) -> None:

    for file in error.files:
        say(f"{shown_path(file.path)}: {texts[f'decrypt.{file.reason}']}")


def _say_whom(error: FileNotDecryptableError, texts: Mapping[str, str]) -> None:
    """Say whom a file is for, by their names where they are known."""

    for name in known_names(error.recipients):
        say(f"  {texts['decrypt.for'].format(name=name)}")
    if error.password:
        say(f"  {texts['decrypt.by_password']}")


def _ask_password(texts: Mapping[str, str]) -> str:
    """Ask at the terminal without echo, or read a line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(texts["decrypt.ask"], hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


@click.group(cls=CommandGroup)
def recipients() -> None:
    """Show or forget the people to whom you have encrypted files."""


@recipients.command("list")
@json_option
@lang_option
def list_(*, lang: str | None) -> None:
    """List them. Those whose certificates have expired are left out."""

    texts = _texts(configured(), lang)
    people = address_book.people()
    words = [_describe(each, texts) for each in people] or [texts["recipients.none"]]
    print_result({"recipients": [each.fields() for each in people]}, words)


@recipients.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
@json_option
@lang_option
def add(*, files: tuple[Path, ...], lang: str | None) -> int:
    """Add the holders of certificate files. Each is checked when it is used."""

    texts = _texts(configured(), lang)
    try:
        people = [read_person(each) for each in files]
    except RecipientRefusedError as error:
        return _refuse(error, texts)
    address_book.remember(people)
    words = [_describe(each, texts) for each in people]
    print_result({"recipients": [each.fields() for each in people]}, words)
    return 0


@recipients.command()
@click.argument("name")
@json_option
@lang_option
def remove(*, name: str, lang: str | None) -> int:
    """Remove people by their name or client identifier."""

    texts = _texts(configured(), lang)
    try:
        people = address_book.forget(name)
    except RecipientRefusedError as error:
        return _refuse(error, texts)
    words = [texts["recipients.removed"].format(name=each.name) for each in people]
    print_result({"removed": [each.fields() for each in people]}, words)
    return 0


def _named(person: Person) -> str:
    return f"{person.name} {person.satu}".strip()


def _describe(person: Person, texts: Mapping[str, str]) -> str:
    key = "recipients.unchecked" if person.checked is None else "recipients.checked"
    return texts[key].format(
        name=_named(person),
        until=person.not_after.date(),
        checked="" if person.checked is None else person.checked.date(),
    )


def _texts(config: Config, lang: str | None) -> Mapping[str, str]:

    return load_texts(spoken_language(config, lang))
