# SPDX-License-Identifier: MIT
"""The answers to one request, in our own protocol and in Web eID's."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict

from native_host.errors import KortillaError
from native_host.operations.sign import Signatures
from native_host.pin_prompt.model import Progress
from native_host.results import Reply, algorithm_fields, encode_base64, error_fields


class Responder(ABC):
    """Receives a request's progress and its one answer."""

    def __init__(self) -> None:
        #: True once the result or an error has been sent.
        self.answered = False

    def answer(self, result: Reply) -> None:
        """Answer with the fields of a result."""
        self.answered = True
        self._send_result(result)

    def fail(self, error: KortillaError, *, shown: bool = False) -> None:
        """Answer with an error. ``shown`` says that a window still explains it."""
        self.answered = True
        self._send_error(error, shown=shown)

    @abstractmethod
    def progress(self, word: str, progress: Progress | None) -> None:
        """Report progress, see ``prompting.Report``."""

    @abstractmethod
    def _send_result(self, result: Reply) -> None: ...

    @abstractmethod
    def _send_error(self, error: KortillaError, *, shown: bool) -> None: ...


class OwnResponder(Responder):
    """Answers in our own protocol, under the request's id.

    The id is None for a message that is not a valid request.
    """

    def __init__(self, write: Callable[[Reply], None], request_id: str | None) -> None:
        super().__init__()
        self._write = write
        self.request_id = request_id

    def progress(self, word: str, progress: Progress | None) -> None:
        """See ``Responder``."""
        numbers = {} if progress is None else asdict(progress)
        self._write({"id": self.request_id, "progress": word, **numbers})

    def _send_result(self, result: Reply) -> None:
        self._write({"id": self.request_id, "result": result})

    def _send_error(self, error: KortillaError, *, shown: bool) -> None:
        fields = error_fields(error)
        if shown:
            fields["shown"] = True
        self._write({"id": self.request_id, "error": fields})


class WebEidResponder(Responder):
    """Answers in Web eID's protocol, which has one answer and no progress."""

    def __init__(self, write: Callable[[Reply], None]) -> None:
        super().__init__()
        self._write = write

    def progress(self, word: str, progress: Progress | None) -> None:
        """Send nothing."""

    def _send_result(self, result: Reply) -> None:
        self._write(result)

    def _send_error(self, error: KortillaError, *, shown: bool) -> None:
        self._write(web_eid_error(error))


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
