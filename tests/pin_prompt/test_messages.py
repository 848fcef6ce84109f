# SPDX-License-Identifier: MIT
"""Host and window exchange valid lines and reject all others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.card.pins import NEW_PIN_DIGITS, PIN_DIGITS
from native_host.pin_prompt.messages import (
    MAX_REQUEST,
    Ask,
    AskStarted,
    CallerTimedOut,
    ChooseCard,
    Close,
    Connections,
    Open,
    Show,
    WindowRequest,
    decode_answer,
    decode_request,
    encode_request,
    split_codes,
)
from native_host.pin_prompt.model import (
    MAX_CODE_DIGITS,
    ActivationQuestion,
    CardChoice,
    ConsentQuestion,
    Document,
    Problem,
    Progress,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import (
    a_codes_question,
    a_conversation,
    a_hash,
    a_question,
)

#: The maximum for one request, with the longest possible names.
TWENTY = tuple(
    Document(name, "SHA3-512", "f" * 128, 10**6, "a/" + "b" * 125, f"/run/user/{n}/1")
    for n, name in enumerate(["\0" * 255, "\U0001f4dc" * 255] * 10)
)


@pytest.mark.parametrize(
    "request_",
    [
        Open(a_conversation(origin="https://" + "a" * 247)),
        AskStarted(),
        Show(Step.READING),
        Show(Step.WAITING_FOR_CARD, Problem("UNSUPPORTED_CARD", "kortti ääni")),
        Show(Step.RECEIVING, progress=Progress(1, 2)),
        ChooseCard(1, (CardChoice("Reader A", "Åsa", "9"), CardChoice("B", "Bo", "8"))),
        Ask(2, ConsentQuestion("Åsa", "9", test_card=True)),
        Ask(3, a_question(name="Åsa", wrong=True, tries_left=1)),
        Ask(4, a_question(pin_pad=True, pad_problem="timed-out", test_card=True)),
        Ask(5, a_question(documents=(a_hash(name="half \ud800 \u202e"),))),
        Ask(6, a_question(documents=TWENTY)),
        Ask(7, a_codes_question(name="Åsa", done=("PIN1",), wrong=True)),
        Ask(8, a_codes_question(pin="PIN2", at_risk="PUK", tries_left=1)),
        Ask(9, a_codes_question(pin_pad=True, pad_problem="different")),
        Ask(9, a_codes_question(pad_problem="refused", pad_unused=True)),
        Ask(10, ActivationQuestion(True, "Åsa", "9", unasked=True)),
        Ask(11, UnlockQuestion("PIN2", "Åsa", "9", test_card=True)),
        Open(a_conversation(operation="tls-login", origin="", program="Fïrefox\n")),
        CallerTimedOut(),
        Connections(3),
        Close(),
    ],
)
def test_what_is_sent_is_what_arrives(request_: WindowRequest) -> None:
    line = encode_request(request_)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_request(line) == request_


def an_opening(**changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(encode_request(Open(a_conversation())))
    line["conversation"].update(changes)
    return line


SHOW = '{"type": "show", "step": "reading"'
CHOOSE = '{"type": "choose-card", "number": '


@pytest.mark.parametrize(
    "line",
    [
        *("", "{", "[]", "null", '"open"', "{}", '{"type": null}'),
        *('{"type": ["open"]}', '{"type": "sing"}', '{"type": "open"}', "\xff\xfe"),
        '{"type": "close", "now": true}',
        '{"type": "caller-timed-out", "now": true}',
        '{"type": "show", "step": "dancing"}',
        '{"type": "show", "step": ["reading"]}',
        f'{SHOW}, "problem": "X"}}',
        f'{SHOW}, "problem": {{"code": 1}}}}',
        f'{SHOW}, "progress": {{"done": 1}}}}',
        f'{SHOW}, "progress": [1, 2]}}',
        f'{CHOOSE}1, "choices": {{}}}}',
        f'{CHOOSE}1, "choices": ["A"]}}',
        f'{CHOOSE}true, "choices": []}}',
        '{"type": "ask-consent", "number": 1, "question": null}',
        '{"type": "ask-consent", "number": "1", "question": {"name": "", "satu": ""}}',
        '{"type": "ask-codes", "number": 1, "question": {}}',
        '{"type": "offer-activation", "number": 1, "question": {"partly": 1}}',
        '{"type": "pin", "digits": "4711"}',
        *(
            json.dumps(an_opening(**change))
            for change in (
                {"operation": "sing"},
                {"origin": None},
                {"test_card": 1},
                {"test_card": "false"},
                {"program": None},
                {"colour": "red"},
            )
        ),
    ],
)
def test_a_line_that_does_not_fit_is_refused_and_not_repeated(line: str) -> None:
    with pytest.raises(ValueError) as caught:
        decode_request(line.encode("latin1"))
    assert "4711" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_line_does_more_than_be_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode_request(line)


def test_a_request_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ValueError, match="too long"):
        encode_request(Ask(1, a_question(name="A" * MAX_REQUEST)))


TWELVE = "1" * 12


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ('"pin", "number": 12, "digits": "1234"', ("pin", 12, b"1234")),
        (f'"pin","number":1,"digits":"{TWELVE}"', ("pin", 1, TWELVE.encode())),
        ('"allowed", "number": 12, "digits": "1234"', ("allowed", 12, b"1234")),
        ('"allowed", "number": 12', None),
        ('"chosen", "number": 2, "index": 1', ("chosen", 2, b"1")),
        ('"agreed", "number": 3', ("agreed", 3, b"")),
        ('"declined", "number": 3', ("declined", 3, b"")),
        ('"codes", "number": 4, "values": ["1", "2"]', ("codes", 4, b'"1", "2"')),
        ('"codes","number":4,"values":["1"]', ("codes", 4, b'"1"')),
        ('"cancel"', ("cancel", None, b"")),
        *(
            (f'"codes", "number": 4, "values": [{values}]', None)
            for values in (
                *("", '"1", "a"', '"1", ""', '"1" "2"', f'"{TWELVE}1"'),
                '"1","2","3","4","5"',
            )
        ),
        *((f'"pin", "number": 1, "digits": "{n}"', None) for n in ("", "1a", "1" * 13)),
        ('"codes", "number": 4, "digits": "1234"', None),
        ('"codes", "number": 4', None),
        ('"pin", "number": 1, "values": ["1234"]', None),
        ('"pin", "number": 1, "index": 1', None),
        ('"pin", "number": 1', None),
        ('"pin", "digits": "1234"', None),
        ('"chosen", "number": 1, "index": -1', None),
        ('"chosen", "number": 1, "digits": "1"', None),
        ('"agreed", "number": 1, "index": 1', None),
        ('"declined", "number": 1, "index": 1', None),
        ('"cancel", "number": 1', None),
        ('"close"', None),
    ],
)
def test_an_answer_is_read_without_becoming_a_str(
    line: str, read: tuple[str, int | None, bytes] | None
) -> None:
    answer = decode_answer(bytearray(f'{{"type": {line}}}'.encode()))
    assert (answer and (*answer[:2], bytes(answer[2]))) == read


def test_codes_come_in_a_buffer_each() -> None:
    content = bytearray(b'"1234567" , "1234","739146"')
    split = split_codes(content)
    assert split == [b"1234567", b"1234", b"739146"]
    assert all(type(code) is bytearray for code in split)
    assert split_codes(bytearray()) == []


def test_no_pin_of_the_card_has_more_digits_than_an_answer() -> None:
    lengths = [*PIN_DIGITS.values(), *NEW_PIN_DIGITS.values()]
    assert max(digits[-1] for digits in lengths) == MAX_CODE_DIGITS
