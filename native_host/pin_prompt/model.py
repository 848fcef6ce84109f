# SPDX-License-Identifier: MIT
"""What a prompt shows and asks, as plain data.

A conversation is the time during which a prompt is open for one request. The window's
process imports this module too, so it must import nothing heavy.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal

#: No PIN or code has more digits than this (``native_host.card.pins``).
MAX_CODE_DIGITS = 12

#: The purpose of a window. Each operation has its own texts and style.
Operation = Literal[
    "authenticate",
    "signing-certificate",
    "sign",
    "sign-own",
    "decrypt",
    "activate",
    "change-pin",
    "unblock",
    "tls-login",
    "prepare-login",
    "mail-login",
    "decrypt-mail",
]


@dataclass(frozen=True)
class Conversation:
    """What a prompt is opened for. It stays the same until the prompt is closed.

    ``origin`` is the ASCII origin that is signed, byte for byte. The prompt shows the
    international form beside it. ``language`` is ``fi``, ``sv`` or ``en``.
    ``started_by_person`` is False when no click in the page preceded the request; the
    window then takes no focus. ``test_card`` shows the mock card's mark.

    ``program`` is the name of the calling program where no site asks (``tls-login``,
    ``prepare-login``, ``mail-login``, ``decrypt-mail``); ``origin`` is then empty. The
    prompt shows at most 40 characters of it. For ``sign-own``, the person's own files,
    both are empty: the prompt says "on this computer". Only ``OwnFilesRequest`` opens
    such a window. For ``decrypt``, which no site and no program can start, ``program``
    is the name of the file.

    ``caller`` is the program that started the host, unless that is a known browser.
    Such a program may name any origin, so the prompt warns of it.
    """

    operation: Operation
    origin: str
    language: str
    test_card: bool
    started_by_person: bool = True
    program: str = ""
    caller: str = ""


@dataclass(frozen=True)
class CodeField:
    """A code that the person types.

    ``name`` is ``activation`` for the code in the letter, ``PUK``, ``old`` for the
    present PIN, ``new-PIN1`` or ``new-PIN2`` for a PIN that the person chooses and
    types twice. ``lengths`` are the numbers of digits that the card accepts.
    """

    name: Literal["activation", "PUK", "old", "new-PIN1", "new-PIN2"]
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class CodesQuestion:
    """A request for the codes of ``operation``, which sets the page's texts and style.

    ``at_risk`` names the PIN or PUK that loses a try when a code is wrong, and
    ``tries_left`` is the number that the card reported just before. With one try left
    the person confirms explicitly. ``issued`` is the year in which the card's
    certificate begins. ``wrong``, ``repeated``, ``unsent``, ``pin_pad``,
    ``pad_problem`` and ``pad_unused`` are the same as in ``PinQuestion``; with a PIN
    pad, the fields give the lengths that the reader accepts. ``done`` are the PINs that
    are set already, ``pin`` is the PIN to change or to unblock. ``in_doubt`` is True
    when the person removed the card before it confirmed the new PIN: either PIN may be
    valid now. With ``can_decline`` the person can go back to the question before this
    one.
    """

    operation: Operation
    fields: tuple[CodeField, ...]
    name: str
    satu: str
    at_risk: Literal["PIN1", "PIN2", "PUK"]
    tries_left: int
    issued: int
    pin: Literal["", "PIN1", "PIN2"] = ""
    done: tuple[Literal["PIN1", "PIN2"], ...] = ()
    wrong: bool = False
    repeated: bool = False
    unsent: bool = False
    in_doubt: bool = False
    pin_pad: bool = False
    pad_problem: Literal["", "timed-out", "length", "different", "refused"] = ""
    pad_unused: bool = False
    test_card: bool = False
    can_decline: bool = False


class Step(StrEnum):
    """What the program does while it asks the person nothing."""

    WAITING_FOR_READER = "waiting-for-reader"
    WAITING_FOR_CARD = "waiting-for-card"
    RECEIVING = "receiving"  # the page sends documents; has progress in bytes
    PREPARING = "preparing"  # the signatures of the person's own files
    READING = "reading"
    CONTACTLESS = "contactless"  # reading, on a contactless reader
    PIN_PAD = "pin-pad"  # the person types on the reader
    SIGNING = "signing"  # has progress in signatures where there are several
    READY = "ready"  # the PIN is right, and kept; has progress in decryptions
    EXPIRED = "expired"  # the page stopped waiting
    FAILED = "failed"  # the page has its error
    DONE = "done"


@dataclass(frozen=True)
class Problem:
    """A problem that the prompt shows beside a step.

    ``code`` is the code of an error of ``native_host.card.errors``
    (``UNSUPPORTED_CARD``, ``CARD_REMOVED``, ``CARD_MUTE``, ``CARD_BUSY``,
    ``PIN_BLOCKED``, ``CARD_EXPIRED``, ``PCSC_UNAVAILABLE``, …). ``detail`` says what
    was found, if that is known ("S4-2 organisation card").
    """

    code: str
    detail: str = ""


@dataclass(frozen=True)
class Progress:
    """The progress of a step: ``done`` of ``total`` bytes, signatures or batches."""

    done: int
    total: int


@dataclass(frozen=True)
class CardChoice:
    """A card to choose, by its reader and its holder."""

    reader: str
    name: str
    satu: str


@dataclass(frozen=True)
class Document:
    """A document or a bare hash to sign, with what the prompt shows of it.

    ``name`` is the site's. ``digest`` is hexadecimal, ``hash_function`` has Web eID's
    spelling (``SHA-384``). For a document, ``size`` is in bytes, ``media_type`` is the
    site's claim, and ``path`` names a private copy. Of a bare hash only the name is
    known, which is the site's claim too. Of the person's own file, ``result`` is the
    name of the file that is made of it, and ``result_kind`` says what that is.
    """

    name: str
    hash_function: str
    digest: str
    size: int | None = None
    media_type: str = ""
    path: str | None = None
    result: str = ""
    result_kind: Literal["", "pdf", "container"] = ""


@dataclass(frozen=True)
class ConsentQuestion:
    """A request for consent without a PIN: to disclose the signing certificate.

    ``test_card`` shows the mock card's mark if the conversation does not.
    """

    name: str
    satu: str
    test_card: bool = False


@dataclass(frozen=True)
class CanQuestion:
    """A request for the CAN of the card on a contactless reader, six digits.

    Nothing is known of the card before. ``wrong`` is True when the card refused the
    last one, and ``recalled`` when the person has not typed that one: it was
    remembered. With ``can_remember`` the person may have it remembered
    (``Prompt.allowed``).
    """

    wrong: bool = False
    recalled: bool = False
    can_remember: bool = False
    test_card: ClassVar[bool] = False


@dataclass(frozen=True)
class OtherCardQuestion:
    """A request to confirm that another card is meant than the one asked about before.

    ``before`` is the name of that card's holder, and ``removed`` whether it was taken
    out. ``reader`` has the other card now, ``name`` and ``satu`` are its holder's.
    ``test_card`` is the same as in ``ConsentQuestion``.
    """

    before: str
    removed: bool
    reader: str
    name: str
    satu: str
    test_card: bool = False


@dataclass(frozen=True)
class ActivationQuestion:
    """An offer to activate the card. With ``partly``, one PIN is set already.

    ``unasked`` is True when the person has only put the card in. The prompt then says
    whose card it is, and the person can decline all later offers for it. ``undecided``
    is True when the person has said that there is no PIN yet, and nobody knows whether
    that is so; the person can then go back to the PIN. ``test_card`` is the same as in
    ``ConsentQuestion``.
    """

    partly: bool
    name: str = ""
    satu: str = ""
    unasked: bool = False
    undecided: bool = False
    test_card: bool = False


@dataclass(frozen=True)
class UnlockQuestion:
    """An offer to unlock a PIN that has no tries left.

    ``test_card`` is the same as in ``ConsentQuestion``.
    """

    pin: Literal["PIN1", "PIN2"]
    name: str
    satu: str
    test_card: bool = False


@dataclass(frozen=True)
class PinQuestion:
    """A request for a PIN. The PIN is also the consent to what the prompt shows.

    ``tries_left`` is the number that the card reported just before. ``min_length`` and
    ``max_length`` are in digits. ``wrong`` is True when the card refused the last PIN;
    ``repeated`` when the person typed a refused PIN again, which was not sent;
    ``unsent`` when the last PIN was not sent since something had changed meanwhile.
    ``documents`` are what PIN2 signs. ``batch`` says how many batches of the person's
    files were signed before them, of how many; None is the only one. With ``pin_pad``
    the person agrees in the prompt and then types the PIN on the reader;
    ``pad_problem`` says why the reader returned no PIN the last time (``timed-out``,
    ``length``; ``refused`` if it does not use its keys, so that the PIN is typed in the
    prompt). ``pad_unused`` is True while the keys of the reader are not used for that
    reason. ``test_card`` shows the mock card's mark if the conversation does not: a
    mock card in a system reader is known by its certificate only. ``unlocked`` is True
    when the person has just unlocked the PIN. With ``can_allow`` the person may allow
    the same for a while, without a PIN (``Prompt.allowed``); not with a PIN pad.
    ``ticked`` says that the person has done so before, with a wrong PIN. With
    ``can_activate`` the person can say that there is no PIN yet.
    """

    role: Literal["PIN1", "PIN2"]
    name: str
    satu: str
    tries_left: int
    min_length: int
    max_length: int
    wrong: bool = False
    repeated: bool = False
    unsent: bool = False
    documents: tuple[Document, ...] = ()
    batch: Progress | None = None
    pin_pad: bool = False
    pad_problem: Literal["", "timed-out", "length", "refused"] = ""
    pad_unused: bool = False
    test_card: bool = False
    unlocked: bool = False
    can_allow: bool = False
    ticked: bool = False
    can_activate: bool = False


@dataclass(frozen=True)
class StartedQuestion:
    """The question "did you start this?", which names the site."""


@dataclass(frozen=True)
class CardQuestion:
    """The question which of several cards to use."""

    choices: tuple[CardChoice, ...]


Question = (
    CanQuestion
    | OtherCardQuestion
    | ConsentQuestion
    | PinQuestion
    | CodesQuestion
    | ActivationQuestion
    | UnlockQuestion
)


AnyQuestion = Question | StartedQuestion | CardQuestion


@dataclass(frozen=True)
class Answer:
    """What a person answered.

    ``codes`` has the ASCII digits that were typed, by the field's name in a
    ``CodesQuestion``, in buffers that the caller wipes. It is empty when the person
    agrees, or types on the reader. ``index`` is that of the card that was chosen.
    """

    codes: dict[str, bytearray] = field(default_factory=dict)
    index: int = 0

    @property
    def digits(self) -> bytearray:
        """The digits of the only field of a ``PinQuestion`` or ``CanQuestion``."""
        return next(iter(self.codes.values()), bytearray())
