# SPDX-License-Identifier: MIT
"""The room for what differs between systems, as far as any system can show it."""

import ast
import struct
from pathlib import Path

import native_host
from native_host.platform.windows.access import others_may, sid_of

ROOM = Path(native_host.__file__).parent / "platform"


def public_names(module: str) -> dict[str, object]:
    """Return what a module defines: constants, functions, and what classes have.

    A function has the names of its parameters, without the sign of an unused one.
    """

    def public(body: list[ast.stmt]) -> dict[str, object]:
        found: dict[str, object] = {}
        for each in body:
            match each:
                case ast.ClassDef(name=name):
                    found[name] = public(each.body)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    every = [*each.args.args, *each.args.kwonlyargs]
                    found[name] = [one.arg.lstrip("_") for one in every]
                case ast.Assign(targets=[ast.Name(id=name)]):
                    found[name] = "constant"
        return {
            name: what
            for name, what in found.items()
            if name == "__init__" or not name.startswith("_")
        }

    return public(ast.parse((ROOM / f"{module}.py").read_text()).body)


def test_each_system_has_the_same_names() -> None:
    for part in ("system", "processes"):
        assert public_names(f"posix/{part}") == public_names(f"windows/{part}")
    assert {"Folder", "HANGUP"} <= public_names("posix/system").keys()
    protection = public_names("posix/protection").items()
    assert protection <= public_names("windows/protection").items()
    sockets, pipes = public_names("posix/sockets"), public_names("windows/sockets")
    common = sockets.keys() & pipes.keys()
    assert common == {"answer_locally", "ask_locally"}
    assert all(sockets[each] == pipes[each] for each in common)


USER, OTHER = (sid_of(f"S-1-5-21-1-2-3-{each}") for each in (1001, 1002))
SYSTEM, EVERYONE = sid_of("S-1-5-18"), sid_of("S-1-1-0")
READ, CHANGE, ALL = 0x120089, 0x1301BF, 0x1F01FF  # as Explorer gives them


def descriptor(
    *rights: tuple[int, bytes, int], owner: bytes = USER, flags: int = 0
) -> bytes:
    """Return a self-relative descriptor; ``rights`` are types, SIDs and masks."""
    entries = b"".join(
        struct.pack("<BBHI", kind, flags, 8 + len(sid), mask) + sid
        for kind, sid, mask in rights
    )
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(entries), len(rights), 0) + entries
    return (
        struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 0, 0, 20 + len(owner)) + owner + acl
    )


def test_a_sid_is_read() -> None:
    # [MS-DTYP] §2.4.2.2: revision, number of parts, authority, parts.
    assert sid_of("S-1-5-32-544") == bytes.fromhex("01020000000000052000000020020000")


def test_a_file_of_the_user_and_the_system_is_private() -> None:
    found = descriptor((0, SYSTEM, ALL), (0, USER, ALL))
    assert not others_may(found, USER)
    assert not others_may(found, USER, read=True)


def test_who_may_read_does_not_write() -> None:
    found = descriptor((0, USER, ALL), (0, EVERYONE, READ))
    assert not others_may(found, USER)
    assert others_may(found, USER, read=True)


def test_others_who_may_write_are_found() -> None:
    assert others_may(descriptor((0, USER, ALL), (0, EVERYONE, CHANGE)), USER)
    assert others_may(
        descriptor((0, OTHER, 0x40000), (0, USER, ALL)), USER
    )  # WRITE_DAC
    assert others_may(descriptor((0, USER, ALL), owner=OTHER), USER)
    for kind in (4, 5, 9, 11):  # for a server, a kind of object, on a condition
        assert others_may(descriptor((kind, EVERYONE, ALL), (0, USER, ALL)), USER)
    without_list = descriptor()[:16] + bytes(4) + USER
    assert others_may(without_list, USER)  # everyone may do everything


def test_what_is_denied_or_only_inherited_allows_nothing() -> None:
    for kind in (1, 6, 10, 12):
        assert not others_may(descriptor((kind, EVERYONE, ALL), (0, USER, ALL)), USER)
    assert not others_may(descriptor((0, EVERYONE, ALL), flags=8), USER)
