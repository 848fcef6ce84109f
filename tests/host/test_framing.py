# SPDX-License-Identifier: MIT
"""Every frame is read, or rejected with an error, for any input."""

import json
import os
import queue
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.messaging.frames import (
    _MOST_WAITING,
    MAX_LENGTH,
    Frame,
    FrameWriter,
    Pump,
    parse,
)
from tests.support.patience import patience

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, sys.byteorder) + body


def pumped(data: bytes) -> list[Frame]:
    """Return the frames that a pump reads from a file that holds ``data``."""
    fd = os.memfd_create("input")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    frames: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
    Pump(fd, first_look=lambda _: None).attach(frames.put)
    taken = []
    while (each := frames.get(timeout=patience())) is not None:
        taken.append(each)
    os.close(fd)
    return taken


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_frames_come_out_as_they_went_in(bodies: list[bytes]) -> None:
    data = b"".join(frame(body) for body in bodies)
    assert [each.body for each in pumped(data)] == bodies


@given(st.lists(st.binary(max_size=50)), st.binary(max_size=60))
def test_whatever_is_written_ends_with_the_end_of_input(
    bodies: list[bytes], rest: bytes
) -> None:
    for each in pumped(b"".join(frame(body) for body in bodies) + rest):
        assert each.fault is None or not each.body


def test_a_frame_that_is_too_long_is_named_and_the_next_one_is_read() -> None:
    longest, next_one = b"x" * MAX_LENGTH, b"{}"
    data = frame(longest) + frame(b"y" * (MAX_LENGTH + 1)) + frame(next_one)
    first, too_long, after = pumped(data)
    assert first.body == longest
    assert "longer than 65536 bytes" in str(too_long.fault)
    assert after.body == next_one


def test_a_length_that_lies_is_named_before_the_rest_has_come() -> None:
    assert [each.fault is None for each in pumped(b"\xff\xff\xff\xff{}")] == [False]


def test_frames_that_nobody_handles_stay_in_the_pipe_and_its_end_is_noticed() -> None:
    read_end, write_end = os.pipe()
    frames: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
    pump = Pump(read_end, first_look=lambda _: None)
    pump.attach(frames.put)
    more = 3
    os.write(write_end, frame(b"{}") * (_MOST_WAITING + more))
    for _ in range(_MOST_WAITING):
        assert frames.get(timeout=patience()) is not None
    pump.taken()
    assert frames.get(timeout=patience()) is not None
    assert frames.empty()
    os.close(write_end)
    assert frames.get(timeout=patience()) is None
    for _ in range(_MOST_WAITING):
        pump.taken()
    rest = [frames.get(timeout=patience()) for _ in range(more)]
    assert [each is None for each in rest] == [False] * (more - 1) + [True]


def test_a_frame_cut_short_is_not_taken() -> None:
    assert pumped(frame(b"{}")[:-1]) == []


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        *(("not JSON", body) for body in (b"", b"{", b"\xff{}", b"[" * 60000)),
        ("not JSON", "{}".encode("utf-16")),
        ("not JSON", b'{"a": 1, "a": 2}'),
        *(("not a JSON object", body) for body in (b"[]", b'"{}"', b"null", b"1")),
    ],
)
def test_what_is_not_a_json_object_is_named(fault: str, body: bytes) -> None:
    assert fault in str(parse(Frame(body)))


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_object_or_a_sentence(body: bytes) -> None:
    assert isinstance(parse(Frame(body)), dict | str)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_what_is_written_can_be_read(message: dict[str, Any]) -> None:
    fd = os.memfd_create("output")
    FrameWriter(fd).write(message)
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(fd, "rb") as file:
        [written] = pumped(file.read())
    assert parse(written) == json.loads(json.dumps(message))


def test_a_reader_that_has_gone_is_not_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    FrameWriter(writing).write({"a": 1})
    os.close(writing)
