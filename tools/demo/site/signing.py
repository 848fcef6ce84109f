# SPDX-License-Identifier: MIT
"""The demo's signing of a PDF, in two steps around the browser's signature.

A PAdES signature holds the signer's certificate, so the page asks for that first:

- ``POST /document/prepare`` with ``{"certificate", "document"}``, the second being the
  digest of what the page showed, answers ``{"hashes"}`` for ``kortilla.sign``
- ``POST /document/finish`` with what ``kortilla.sign`` gave answers ``{"signed"}``
- ``POST /document?name=…`` takes a PDF in place of the example

The signer must be the person who is logged in.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from kortilla.aiohttp import is_same_origin
from kortilla.clock import utc_now
from kortilla.errors import (
    RelyingPartyError,
    SignatureParseError,
    SignerMismatchError,
    SigningUnavailableError,
)
from kortilla.revocation import UNCHECKED, RevocationChecker
from kortilla.signing.answer import MAX_ANSWER_LENGTH
from kortilla.signing.pades import Appearance, finish_pdf, prepare_pdf
from kortilla.validation.identity import Identity
from kortilla.validation.trust import Trust
from kortilla.validation.untrusted import decode_base64, load_json
from kortilla.validation.validator import validate_signer
from kortilla.web import http
from kortilla.web.http import BrokenBodyError, RequestRefusedError
from kortilla.web.login import LoginService
from kortilla.web.sessions import BrowserSessions
from tools.demo.site import pages
from tools.demo.site.answers import (
    catalogues,
    error_page,
    language_of,
    languages,
    page,
    protected,
    refusal,
)
from tools.demo.site.contract import SIGNATURE_BOX, contract_pdf
from tools.demo.site.desks import Desk, Desks, Document, Signed, clean_name

logger = logging.getLogger(__name__)

#: The longest PDF that the demo takes.
MAX_UPLOAD_BYTES = 5_000_000

_MAX_CERTIFICATE = 8192  # characters of base64
_UPLOAD_SECONDS = 60.0
_JSON_SECONDS = 10.0
_RETRY_SECONDS = 5

_Action = Callable[[web.Request, Identity, Desk], Awaitable[web.Response]]


class SigningDesk:
    """The routes of signing, for persons who are logged in.

    ``sessions`` are those of the login. ``trust`` and ``revocation`` are as for
    ``LoginService``.
    """

    def __init__(
        self,
        *,
        origin: str,
        trust: Trust,
        revocation: RevocationChecker | None,
        sessions: BrowserSessions,
    ) -> None:
        self._origin = origin
        self._trust = trust
        self._revocation = revocation
        self._sessions = sessions
        self._desks = Desks()
        self._examples = {
            language: Document(
                text["contract.file"],
                contract_pdf(text, language=language),
                example=True,
            )
            for language, text in catalogues().items()
        }

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        for language in languages():
            app.router.add_get(f"/{language}/sign", self._page(self._show))
            app.router.add_get(f"/{language}/signed", self._page(self._show_signed))
            app.router.add_get(f"/{language}/document.pdf", self._page(self._document))
            app.router.add_get(f"/{language}/signed.pdf", self._page(self._download))
            app.router.add_post(f"/{language}/example", self._page(self._use_example))
        app.router.add_post("/document", self._call(self._upload))
        app.router.add_post("/document/prepare", self._call(self._prepare))
        app.router.add_post("/document/finish", self._call(self._finish))

    def forget(self, request: web.Request) -> None:
        """Delete the desk of a session that ends."""
        self._desks.clear(self._sessions.cookie.id_of(_cookies(request)))

    # -- Pages ------------------------------------------------------------------------

    async def _show(self, request: web.Request, _: Identity, desk: Desk) -> Any:
        language = language_of(request)
        content = pages.sign(
            language,
            catalogues(),
            self._shown(language, desk),
            max_bytes=MAX_UPLOAD_BYTES,
        )
        return page(content)

    async def _show_signed(self, request: web.Request, _: Identity, desk: Desk) -> Any:
        language = language_of(request)
        if desk.signed is None:
            raise web.HTTPFound(f"/{language}/sign")
        return page(pages.signed(language, catalogues(), desk.signed))

    async def _document(self, request: web.Request, _: Identity, desk: Desk) -> Any:
        shown = self._shown(language_of(request), desk)
        return _pdf(shown.content, shown.name, disposition="inline")

    async def _download(self, request: web.Request, _: Identity, desk: Desk) -> Any:
        language = language_of(request)
        if desk.signed is None:
            raise web.HTTPFound(f"/{language}/sign")
        stem = desk.signed.name.removesuffix(".pdf")
        name = f"{stem}-{catalogues()[language]['signed.suffix']}.pdf"
        return _pdf(desk.signed.pdf.content, name, disposition="attachment")

    async def _use_example(self, request: web.Request, _: Identity, desk: Desk) -> Any:
        if not is_same_origin(request, self._origin):
            return error_page(request, 403, "ORIGIN_REFUSED")
        desk.document = None
        raise web.HTTPSeeOther(f"/{language_of(request)}/sign")

    # -- What the page's script calls -------------------------------------------------

    async def _upload(
        self, request: web.Request, _: Identity, desk: Desk
    ) -> web.Response:
        if request.content_type != "application/pdf":
            raise RequestRefusedError(415, "DOCUMENT_NOT_SIGNABLE")
        try:
            content = await http.read_body(
                _body(request), max_bytes=MAX_UPLOAD_BYTES, seconds=_UPLOAD_SECONDS
            )
        except RequestRefusedError as error:
            code = "DOCUMENT_TOO_LARGE" if error.status == 413 else error.code
            raise RequestRefusedError(error.status, code) from None
        if not content.startswith(b"%PDF-"):
            raise RequestRefusedError(400, "DOCUMENT_NOT_SIGNABLE")
        desk.document = Document(clean_name(request.query.get("name", "")), content)
        return _json({"name": desk.document.name, "size": len(content)})

    async def _prepare(
        self, request: web.Request, identity: Identity, desk: Desk
    ) -> web.Response:
        asked = await _read_json(request)
        match asked:
            case {"certificate": str(text), "document": str(digest)} if len(asked) == 2:
                pass
            case _:
                raise RequestRefusedError(400, "INVALID_REQUEST")
        documents = [
            *([desk.document] if desk.document else ()),
            *self._examples.values(),
        ]
        document = next((each for each in documents if each.digest == digest), None)
        if document is None:
            raise RequestRefusedError(409, "DOCUMENT_CHANGED")
        try:
            if len(text) > _MAX_CERTIFICATE:
                raise ValueError
            certificate = decode_base64(text)
        except ValueError:
            raise SignatureParseError("The certificate is not base64.") from None
        signer = await validate_signer(
            certificate, trust=self._trust, revocation=self._revocation
        )
        _check_signer(signer, identity)
        prepared = await prepare_pdf(
            document.content,
            certificate=certificate,
            trust=self._trust,
            revocation=UNCHECKED,  # it was checked a moment ago
            name=document.name,
            appearance=Appearance(SIGNATURE_BOX) if document.example else None,
        )
        desk.prepared = prepared
        return _json({"hashes": [prepared.for_page]})

    async def _finish(
        self, request: web.Request, identity: Identity, desk: Desk
    ) -> web.Response:
        answer = await _read_json(request)
        # From here on it can't be used again, even after an error.
        prepared = desk.take_prepared()
        if prepared is None:
            raise RequestRefusedError(409, "NOTHING_PREPARED")
        signed = await finish_pdf(
            prepared, answer, trust=self._trust, revocation=self._revocation
        )
        _check_signer(signed.signer, identity)
        desk.signed = Signed(prepared.name, signed, utc_now())
        return _json({"signed": prepared.name})

    # -- Around them ------------------------------------------------------------------

    def _shown(self, language: str, desk: Desk) -> Document:
        return desk.document or self._examples[language]

    async def _who(self, request: web.Request) -> tuple[Identity, Desk] | None:
        session = await self._sessions.load(_cookies(request))
        identity = LoginService.identity(session.data)
        if identity is None or session.id is None:
            return None
        return identity, self._desks.of(session.id)

    def _page(
        self, action: _Action
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            found = await self._who(request)
            if found is None:
                raise web.HTTPFound(f"/{language_of(request)}/")
            return await action(request, *found)

        return handler

    def _call(
        self, action: _Action
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            try:
                if not is_same_origin(request, self._origin):
                    raise RequestRefusedError(403, "ORIGIN_REFUSED")
                found = await self._who(request)
                if found is None:
                    raise RequestRefusedError(403, "NOT_LOGGED_IN")
                return await action(request, *found)
            except RequestRefusedError as error:
                return refusal(request, error.status, error.code)
            except SigningUnavailableError as error:
                logger.warning("A signing was refused: %s", error)
                answer = refusal(request, 503, error.code)
                answer.headers["Retry-After"] = str(_RETRY_SECONDS)
                return answer
            except RelyingPartyError as error:
                logger.info("A signing was refused: %s (%s)", error, error.code)
                return refusal(request, 403, error.code)

        return handler


def _check_signer(signer: Identity, identity: Identity) -> None:
    if signer.satu != identity.satu:
        raise SignerMismatchError("Somebody else signs than is logged in.")


async def _read_json(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise RequestRefusedError(415, "UNSUPPORTED_MEDIA_TYPE")
    body = await http.read_body(
        _body(request), max_bytes=MAX_ANSWER_LENGTH, seconds=_JSON_SECONDS
    )
    try:
        content = load_json(body)
    except ValueError:
        raise RequestRefusedError(400, "INVALID_REQUEST") from None
    if not isinstance(content, dict):
        raise RequestRefusedError(400, "INVALID_REQUEST")
    return content


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    if "Content-Encoding" in request.headers:  # compressed content is not decoded
        raise RequestRefusedError(415, "UNSUPPORTED_MEDIA_TYPE")
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except (web.RequestPayloadError, ConnectionError):
        raise BrokenBodyError from None


def _cookies(request: web.Request) -> list[str]:
    return request.headers.getall("Cookie", [])


def _json(content: dict[str, Any]) -> web.Response:
    return protected(web.json_response(content))


def _pdf(content: bytes, name: str, *, disposition: str) -> web.Response:
    return protected(
        web.Response(
            body=content,
            content_type="application/pdf",
            headers={
                "Content-Disposition": f'{disposition}; filename="document.pdf"; '
                f"filename*=UTF-8''{quote(name, safe='')}",
                # The browser's PDF viewer is a special page.
                "Content-Security-Policy": "frame-ancestors 'none'",
            },
        )
    )
