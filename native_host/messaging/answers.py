# SPDX-License-Identifier: MIT
"""The answers to one request, in our own protocol and in Web eID's."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict

from native_host.errors import KortillaError
from native_host.operations.results import (
    Reply,
    algorithm_fields,
    encode_base64,
    error_fields,
)
from native_host.operations.sign import Signatures
from native_host.pin_prompt.model import Progress


class Responder(ABC):
    """Writes a request's progress and its one answer."""

    def __init__(self, write: Callable[[Reply], None]) -> None:
        self._write = write
        #: True once the result or an error has been sent.
        self.answered = False

    def answer(self, result: Reply) -> None:
        self.answered = True
        self._write(self._of_result(result))

    def fail(self, error: KortillaError, *, shown: bool = False) -> None:
        """Answer with an error. ``shown`` says that a window still explains it."""
        self.answered = True
        self._write(self._of_error(error, shown=shown))

    @abstractmethod
    def progress(self, word: str, progress: Progress | None) -> None:
        """Report progress, see ``operations.request.Report``."""

    @abstractmethod
    def _of_result(self, result: Reply) -> Reply: ...

    @abstractmethod
    def _of_error(self, error: KortillaError, *, shown: bool) -> Reply: ...


class OwnResponder(Responder):
    """Answers in our own protocol, under the request's id.

    The id is None for a message that is not a valid request. ``error_words`` returns
    the field with what our own page says of an error.
    """

    def __init__(
        self,
        write: Callable[[Reply], None],
        request_id: str | None,
        error_words: Callable[[KortillaError], Reply] = lambda _: {},
    ) -> None:
        super().__init__(write)
        self._id = request_id
        self._error_words = error_words

    def progress(self, word: str, progress: Progress | None) -> None:
        numbers = {} if progress is None else asdict(progress)
        self._write({"id": self._id, "progress": word, **numbers})

    def _of_result(self, result: Reply) -> Reply:
        return {"id": self._id, "result": result}

    def _of_error(self, error: KortillaError, *, shown: bool) -> Reply:
        also = {"shown": True} if shown else {}
        words = self._error_words(error)
        return {"id": self._id, "error": error_fields(error) | words | also}


class WebEidResponder(Responder):
    """Answers in Web eID's protocol, which has one answer and no progress."""

    def progress(self, word: str, progress: Progress | None) -> None:
        pass

    def _of_result(self, result: Reply) -> Reply:
        return result

    def _of_error(self, error: KortillaError, *, shown: bool) -> Reply:
        return web_eid_error(error)


def web_eid_signature_fields(made: Signatures) -> Reply:
    """Return the reply to Web eID's ``sign``, which is about one hash."""
    [signature] = made.signatures
    return {
        "signature": encode_base64(signature.value),
        "signatureAlgorithm": algorithm_fields(signature.algorithm),
    }


def web_eid_error(error: KortillaError) -> Reply:
    """Return an error in Web eID's protocol: cancelled, or fatal."""
    cancelled = error.code in {"USER_CANCELLED", "REQUEST_CANCELLED"}
    code = "ERR_WEBEID_USER_CANCELLED" if cancelled else "ERR_WEBEID_NATIVE_FATAL"
    return {"error": {"code": code, "message": str(error)}}
