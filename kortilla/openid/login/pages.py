# SPDX-License-Identifier: MIT
"""The pages that people see, in Finnish, Swedish and English.

They load scripts and styles of their own origin alone, and nothing inline.
"""

import html
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

from kortilla.common.texts import catalogue, choose_language
from kortilla.openid.clients.authorization import RefusedError
from kortilla.openid.clients.settings import ClientSettings, Language, Settings
from kortilla.web.http import File, Request, Response, packaged_files
from kortilla.web.refusals import TEXTS as REFUSALS

if TYPE_CHECKING:
    from kortilla.openid.login.simulator import Simulator

_TEXTS = Path(__file__).parent / "texts"
_STATIC = Path(__file__).parent / "static"
LANGUAGES: tuple[Language, ...] = get_args(Language)
_NAMES = {"fi": "Suomi", "sv": "Svenska", "en": "English"}
#: The claims that tell a client the SATU, and those that tell it the name.
_SATU_CLAIMS = {"urn:oid:1.2.246.22"}
_NAME_CLAIMS = {
    "name",
    "given_name",
    "family_name",
    "urn:oid:2.5.4.4",
    "urn:oid:1.2.246.575.1.14",
}

_PAGE = Template("""<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<link rel="stylesheet" href="$prefix/static/openid/login.css">
$head</head>
<body>
$top<main>
<h1>$heading</h1>
$content</main>
</body>
</html>
""")


@cache
def static_files() -> dict[str, File]:
    """Return the page client's files and the pages' own, by path below the issuer's."""
    client = {
        path: file
        for path, file in packaged_files().items()
        if path.startswith("/static/")
    }
    own = {f"/static/openid/{path.name}": File.read(path) for path in _STATIC.iterdir()}
    return client | own


class Pages:
    """The pages of one provider. A simulator, or test trust, marks each page."""

    def __init__(self, settings: Settings, simulator: "Simulator | None") -> None:
        self.prefix = settings.prefix
        self._origin = settings.origin
        self._notice = settings.notice
        self._simulator = simulator
        test = "test.trust" if settings.trust.test else ""
        self._mark = test if simulator is None else "simulator"

    def login(
        self,
        request: Request,
        client: ClientSettings,
        login_id: str,
        *,
        ui_locales: str,
        service: str = "",
        problem: str = "",
    ) -> Response:
        """Return the page where a person logs in for a client.

        ``service`` is what a broker says that the person is on the way to. ``problem``
        is the code of an error that the simulator played.
        """
        language = _language(request, ui_locales)
        text = catalogue(_TEXTS, language)
        base = f"{self.prefix}/login/{login_id}"
        name = client.name.of(language)
        content = _paragraph("lead", text["asks"], name=name)
        content += f'<p class="hosts">{html.escape(", ".join(client.hosts))}</p>\n'
        if service:
            content += _paragraph("lead", text["service"], name=name, service=service)
        if self._simulator is None:
            content += self._card_part(text, base, name, client)
        else:
            content += _choices(text, language, base, self._simulator, problem)
        content += (
            f'<form method="post" action="{base}/cancel">'
            f'<button class="quiet" id="cancel">{html.escape(text["cancel"])}</button>'
            "</form>\n"
        )
        head = ""
        if self._simulator is None:
            script = f"{self.prefix}/static/button.js"
            head = f'<script type="module" src="{script}"></script>\n'
        return self._page(
            language,
            title=f"{text['title']} – {name}",
            heading=text["heading"],
            content=content,
            head=head,
            languages=base,
            # Browsers also apply it to where the form's answer sends them.
            forms=sorted({_origin_of(uri) for uri in client.redirect_uris}),
        )

    def _card_part(
        self, text: Mapping[str, str], base: str, name: str, client: ClientSettings
    ) -> str:
        steps = "".join(
            f"<li>{html.escape(text[f'step{number}'])}</li>\n" for number in (1, 2, 3)
        )
        host = urlsplit(self._origin).netloc
        consent = _paragraph("consent", text[_consent(client)], name=name)
        return (
            f'<ol class="steps">\n{steps}</ol>\n'
            + _paragraph("window", text["window"], host=host)
            + consent
            + f"<noscript>{_paragraph('problem', text['noscript'])}</noscript>\n"
            + f'<kortilla-button routes="{base}/" next="{base}/done">'
            "</kortilla-button>\n"
        )

    def mistake(self, request: Request, error: RefusedError) -> Response:
        """Return the page for a request that can't be answered to the client."""
        kind = "ended" if error.error == "login_ended" else "mistake"
        code = f"{error.error}: {error.description}"
        return self._message(request, kind, status=error.status, code=code)

    def logged_out(self, request: Request) -> Response:
        """Return the page after a logout."""
        return self._message(request, "logged_out")

    def confirm_logout(self, request: Request) -> Response:
        """Return the page that asks whether a session is to end."""
        language = _language(request, "")
        button = html.escape(catalogue(_TEXTS, language)["confirm.button"])
        form = (
            f'<form method="post" action="{self.prefix}/logout">'
            f'<button class="start" id="logout">{button}</button></form>\n'
        )
        return self._message(request, "confirm", more=form)

    def _message(
        self,
        request: Request,
        kind: str,
        *,
        status: int = 200,
        code: str = "",
        more: str = "",
    ) -> Response:
        language = _language(request, "")
        text = catalogue(_TEXTS, language)
        content = _paragraph("lead", text[f"{kind}.text"]) + more
        if code:
            content += _paragraph("code", "{code}", code=code)
        return self._page(
            language,
            title=text[f"{kind}.title"],
            heading=text[f"{kind}.title"],
            content=content,
            status=status,
        )

    def _page(
        self,
        language: Language,
        *,
        title: str,
        heading: str,
        content: str,
        head: str = "",
        languages: str = "",
        forms: list[str] | None = None,
        status: int = 200,
    ) -> Response:
        text = catalogue(_TEXTS, language)
        top = _language_links(language, languages, text) if languages else ""
        if self._mark:
            mark = html.escape(text[self._mark])
            top += f'<aside class="simulator">{mark}</aside>\n'
        if self._notice is not None:
            notice = html.escape(self._notice.of(language))
            top += f'<aside class="notice">{notice}</aside>\n'
        body = _PAGE.substitute(
            language=language,
            title=html.escape(title),
            prefix=self.prefix,
            head=head,
            top=top,
            heading=html.escape(heading),
            content=content,
        )
        targets = " ".join(["'self'", *(forms or [])])
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action {targets}"
        )
        headers = (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            # Not no-referrer: browsers would send `Origin: null` with our forms.
            ("Referrer-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        )
        return Response(status, body.encode(), headers)


def _language(request: Request, ui_locales: str) -> Language:
    """Choose by the page's own parameter, the client's wish, then the browser's."""
    wished = [tag.partition("-")[0].lower() for tag in ui_locales[:200].split()]
    accepted = choose_language(request.headers.joined("Accept-Language"), LANGUAGES)
    wished.append(accepted)
    known: list[Language] = [each for each in LANGUAGES if each in wished]
    return min(known, key=wished.index)


def _language_links(language: str, base: str, text: Mapping[str, str]) -> str:
    links = []
    for other in LANGUAGES:
        current = ' aria-current="true"' if other == language else ""
        links.append(
            f'<li><a href="{base}?lang={other}" lang="{other}" hreflang="{other}"'
            f"{current}>{_NAMES[other]}</a></li>\n"
        )
    label = html.escape(text["languages"])
    return f'<nav aria-label="{label}"><ul>\n{"".join(links)}</ul></nav>\n'


def _paragraph(kind: str, text: str, **values: str) -> str:
    return f'<p class="{kind}">{html.escape(text.format(**values))}</p>\n'


def _choices(
    text: Mapping[str, str],
    language: Language,
    base: str,
    simulator: "Simulator",
    problem: str,
) -> str:
    found = ""
    if problem:
        message = catalogue(REFUSALS, language)[problem]
        found = (
            f'<div class="problem" role="alert"><p>{html.escape(message)}</p>'
            f'<p class="code">{html.escape(problem)}</p></div>\n'
        )
    found += _paragraph("window", text["choose"])
    buttons = "".join(
        f'<li><button class="start" name="choice" value="{html.escape(each.name)}">'
        + html.escape(f"{each.person} {each.name}" if each.person else text[each.name])
        + "</button></li>\n"
        for each in simulator.choices
    )
    return (
        f'{found}<form method="post" action="{base}/simulate">'
        f'<ul class="choices">\n{buttons}</ul></form>\n'
    )


def _consent(client: ClientSettings) -> str:
    """Return the text that says what the client gets to know."""
    satu = client.subject == "public" or bool(_SATU_CLAIMS & {*client.claims})
    name = bool(_NAME_CLAIMS & {*client.claims})
    return f"consent{'.name' * name}{'.satu' * satu}"


def _origin_of(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
