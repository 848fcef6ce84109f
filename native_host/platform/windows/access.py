# SPDX-License-Identifier: MIT
"""Who may read and write a file on Windows: its owner and its list of rights.

The structures are those of [MS-DTYP] §2.4: SID, ACE, ACL and SECURITY_DESCRIPTOR.
"""

import struct
from collections.abc import Iterator

_DESCRIPTOR = struct.Struct("<BBHIIII")  # with the offsets of owner, group, SACL, DACL
_ACL = struct.Struct("<BBHHH")
_ACE = struct.Struct("<BBHI")
#: Types of ACE that deny, also for a kind of object and on a condition. Others allow.
_DENIED = {1, 6, 10, 12}
_INHERIT_ONLY = 8

#: FILE_WRITE_DATA, _APPEND_DATA, _WRITE_EA, _DELETE_CHILD, _WRITE_ATTRIBUTES, DELETE,
#: WRITE_DAC, WRITE_OWNER, GENERIC_WRITE, GENERIC_ALL.
_WRITE = 0x2 | 0x4 | 0x10 | 0x40 | 0x100 | 0x1_0000 | 0xC_0000 | 0x5000_0000
#: FILE_READ_DATA, GENERIC_READ.
_READ = 0x1 | 0x8000_0000


def sid_of(text: str) -> bytes:
    """Return the SID of which ``text`` is the usual form, such as ``S-1-5-18``."""
    _, revision, authority, *numbers = text.split("-")
    head = bytes((int(revision), len(numbers))) + int(authority).to_bytes(6)
    return head + struct.pack(f"<{len(numbers)}I", *map(int, numbers))


#: The system and the administrators can do what they want. What the owner's rights are
#: (S-1-3-4) is those of the owner.
_SYSTEM, _ADMINISTRATORS = sid_of("S-1-5-18"), sid_of("S-1-5-32-544")
_OF_OWNER = {sid_of("S-1-3-4")}


def others_may(descriptor: bytes, user: bytes, *, read: bool = False) -> bool:
    """Whether others than a user may write, or also ``read``, what is described.

    ``descriptor`` is self-relative, ``user`` is a SID.
    """
    trusted = {user, _SYSTEM, _ADMINISTRATORS}
    owner, acl = _parts(descriptor)
    if owner not in trusted or acl is None:
        return True
    wanted = _WRITE | (_READ if read else 0)
    return any(
        mask & wanted for sid, mask in _allowed(acl) if sid not in trusted | _OF_OWNER
    )


def _parts(descriptor: bytes) -> tuple[bytes, bytes | None]:
    *_, owner, _group, _sacl, dacl = _DESCRIPTOR.unpack_from(descriptor)
    return _sid_at(descriptor, owner), descriptor[dacl:] if dacl else None


def _sid_at(data: bytes, offset: int) -> bytes:
    return data[offset : offset + 8 + 4 * data[offset + 1]]


def _allowed(acl: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield whom a list of rights allows what."""
    count = _ACL.unpack_from(acl)[3]
    offset = _ACL.size
    for _ in range(count):
        kind, flags, size, mask = _ACE.unpack_from(acl, offset)
        if kind not in _DENIED and not flags & _INHERIT_ONLY:
            yield _sid_at(acl, offset + _ACE.size), mask
        offset += size
