# SPDX-License-Identifier: MIT
"""The demo's pages as HTML. Every text passes ``escape`` on its way in."""

from collections.abc import Mapping
from datetime import datetime
from html import escape

from relying_party.identity import Identity

__all__ = ["error", "session", "start"]

Catalogues = Mapping[str, Mapping[str, str]]

_PROGRESS = ("challenge", "window-open", "signing", "verifying", "done")


def start(language: str, catalogues: Catalogues) -> str:
    """Return the page with the one button."""
    text = _escaped(catalogues[language])
    progress = " ".join(
        f'data-{step}="{text[f"progress.{step}"]}"' for step in _PROGRESS
    )
    steps = "".join(f"<li>{text[f'start.step{n}']}</li>" for n in range(1, 5))
    questions = "".join(f"<li>{text[f'problem.help{n}']}</li>" for n in range(1, 4))
    content = f"""
<h1>{text["start.title"]}</h1>
<p class="lead">{text["start.lead"]}</p>
<ol class="steps">{steps}</ol>
<p class="consent" id="consent">{text["start.consent"]}</p>
<noscript><p class="problem">{text["start.noscript"]}</p></noscript>
<section id="problem" class="problem" role="alert" tabindex="-1" hidden
  aria-labelledby="problem-title">
<h2 id="problem-title">{text["problem.title"]}</h2>
<p id="problem-text"></p>
<details><summary>{text["problem.help"]}</summary><ul>{questions}</ul></details>
<p class="small" id="problem-code"></p>
</section>
<div class="actions">
<button type="button" id="identify" class="primary" aria-describedby="consent"
  data-done="/{language}/session">{text["start.button"]}</button>
<button type="button" id="cancel" hidden>{text["start.cancel"]}</button>
</div>
<p id="status" class="status" role="status" {progress}></p>
"""
    return _page(language, catalogues, "start.title", "", content, script=True)


def session(language: str, catalogues: Catalogues, identity: Identity) -> str:
    """Return the page that shows who logged in."""
    text = _escaped(catalogues[language])
    rows = "".join(
        f'<div><dt>{text[f"session.{key}"]}</dt><dd id="{key}">{value}</dd></div>'
        for key, value in (
            ("name", escape(f"{identity.given_names} {identity.surname}")),
            ("satu", f"<code>{escape(identity.satu)}</code>"),
            ("valid", _date(language, identity.not_after)),
            ("issuer", escape(identity.issuer)),
        )
    )
    content = f"""
<h1>{text["session.title"]}</h1>
<p class="lead">{text["session.lead"]}</p>
<dl>{rows}</dl>
<form method="post" action="/{language}/logout" class="actions">
<button type="submit" id="logout" class="primary">{text["session.logout"]}</button>
</form>
<p class="small">{text["session.shared"]}</p>
"""
    return _page(language, catalogues, "session.title", "session", content)


def error(language: str, catalogues: Catalogues, code: str) -> str:
    """Return a page that says why there is no other; ``code`` is one of its texts."""
    text = _escaped(catalogues[language])
    content = f"""
<h1>{text["error.title"]}</h1>
<p class="lead">{text[f"error.{code}"]}</p>
<p><a href="/{language}/">{text["error.home"]}</a></p>
"""
    return _page(language, catalogues, "error.title", "", content)


def _page(
    language: str,
    catalogues: Catalogues,
    title: str,
    path: str,
    content: str,
    *,
    script: bool = False,
) -> str:
    text = _escaped(catalogues[language])
    switch = "".join(
        f'<li><a href="/{other}/{path}" lang="{other}" hreflang="{other}"{current}>'
        f"{escape(catalogue['language'])}</a></li>"
        for other, catalogue, current in (
            (key, value, ' aria-current="true"' if key == language else "")
            for key, value in sorted(
                catalogues.items(), key=lambda item: item[1]["order"]
            )
        )
    )
    tag = '<script type="module" src="/static/demo.js"></script>' if script else ""
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text[title]} – {text["service"]}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/demo.css">
{tag}
</head>
<body>
<a class="skip" href="#content">{text["skip"]}</a>
<header>
<a class="brand" href="/{language}/"><img src="/static/icon.svg" alt="" width="36"
  height="36"><span>{text["service"]}</span></a>
<nav aria-label="{text["languages"]}"><ul>{switch}</ul></nav>
</header>
<p class="demo">{text["demo"]}</p>
<main id="content" tabindex="-1">{content}</main>
</body>
</html>
"""


def _escaped(catalogue: Mapping[str, str]) -> dict[str, str]:
    return {key: escape(value) for key, value in catalogue.items()}


def _date(language: str, time: datetime) -> str:
    shown = (
        f"{time.day}.{time.month}.{time.year}"
        if language in {"fi", "sv"}
        else f"{time:%Y-%m-%d}"
    )
    return f'<time datetime="{time:%Y-%m-%d}">{shown}</time>'
