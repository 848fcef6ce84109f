# SPDX-License-Identifier: MIT
"""``kortilla verify``: who signed files, and whether they are intact."""

import asyncio
from pathlib import Path

import click

from kortilla.common.command_output import json_option, print_result
from kortilla.common.escaping import shown_path
from kortilla.errors import TrustConfigurationError
from kortilla.signing.verification import Verdict
from native_host.cli.options import PATH, lang_option, spoken_language
from native_host.config import load_config
from native_host.errors import KortillaError
from native_host.files import check, signed_content, words
from native_host.files import report as reports
from native_host.files.check import CheckedFile
from native_host.platform.paths import trust_folder


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
@click.option(
    "--file",
    "signed_file",
    type=PATH,
    help="The file that the .p7s is of, if it is not beside it.",
)
@json_option
@click.option(
    "--trust",
    envvar="KORTILLA_TRUST",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder with the authority's CA certificates.",
)
@click.option(
    "--save-signed",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder for what was signed: PDFs as they were, files of containers.",
)
@click.option("--offline", is_flag=True, help="Ask nobody about revocation.")
@click.option(
    "--report",
    type=PATH,
    help="Write a report to a .pdf or .json file.",
)
@click.option("--force", is_flag=True, help="Replace a report that is there.")
@lang_option
def verify(
    *,
    files: tuple[Path, ...],
    signed_file: Path | None,
    trust: Path | None,
    save_signed: Path | None,
    offline: bool,
    report: Path | None,
    force: bool,
    lang: str | None,
) -> int:
    """Say who signed files, and whether they are intact.

    FILE is a signed PDF, an ASiC container, or a .p7s beside the file that it is of.
    The exit status is 0 if all are valid, 1 if one is not valid, 3 for can't say.
    """
    if signed_file and (len(files) > 1 or files[0].suffix.lower() != ".p7s"):
        raise click.UsageError("--file names the file of one .p7s.")
    if report is not None and report.suffix.lower() not in {".pdf", ".json"}:
        raise click.UsageError("--report names a file that ends in .pdf or .json.")

    language = spoken_language(load_config(), lang)
    texts = words.load(language)
    trust = trust or trust_folder()
    if report is not None:
        reports.check_place(report, files, replace=force)
    try:
        checked = asyncio.run(
            check.check_files(
                files, trust=trust, offline=offline, signed_file=signed_file
            )
        )
    except TrustConfigurationError as error:
        raise click.UsageError(str(error)) from error
    if report is not None:
        content = reports.render(checked, language, pdf=reports.is_pdf(report))
        reports.save(content, report, checked, replace=force)
    made = reports.make_report(checked)
    lines, fields = [], made.to_json()
    for each, found in zip(checked, fields["files"], strict=True):
        first, *more = words.describe(each, texts)
        lines.append(f"{shown_path(each.path)}: {first}")
        lines += [f"  {line}" for line in more]
        if save_signed is not None:
            saved = _save(each, save_signed, language)
            found["saved"] = [str(path) for path in saved]
            where = texts["saved.where"]
            lines += [f"  {where.format(path=shown_path(path))}" for path in saved]
        elif words.has_additions(each):
            lines.append(f"  {texts['saved.how']}")
    print_result(fields, lines)
    return {Verdict.VALID: 0, Verdict.NOT_VALID: 1}.get(made.verdict, 3)


def _save(checked: CheckedFile, folder: Path, language: str) -> list[Path]:
    """Write what was signed of a file, if a signature says what that is."""

    if checked.report is None:
        return []
    try:
        return signed_content.save_signed(checked, folder, language)
    except OSError as error:
        raise KortillaError(
            f"{shown_path(checked.path)} can't be read: {error.strerror}."
        ) from error
