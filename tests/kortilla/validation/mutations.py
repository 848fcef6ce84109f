# SPDX-License-Identifier: MIT
"""Certificates that are changed in some places and signed again by their CA.

They get past the signature, so that what reads them is put to the test: fields of other
types, missing, twice or in another order, and encodings that are not DER.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla.revocation import der

_TAGS = bytes.fromhex("0102030405060C1013141617181C1E24303136818286A0A1A2A3")
_HEXADECIMAL = """
    00 01 80 FF 0000 0080 FF80 0500 3000 30030101FF 3003010100 3003010101
    3006010100020100 020100 03020388 030204B0 03020640 03020080 03020780 0303078080
    0303008000 23060304008803020088 603B06 551D20 551D2000 551D0F 551D13 551D25
    551D0F80 5504808403 80550403
"""
_VALUES = [b"", *map(bytes.fromhex, _HEXADECIMAL.split())]
_TEXTS = [
    *(text.encode() for text in ("FI", "fi", "EE", "", "A\0B", "Ä", "A\u202eB", "\n")),
    *(text.encode() for text in ("99902038C", "99902038D", "99902038c", "9990203C")),
    *(text.encode() for text in ("a@b.fi", "a@xn--zzzz.fi", "a@b..fi", "@", "a@-.fi")),
    "FI".encode("utf-16-be"),
    "FI".encode("utf-32-be"),
    "MAIJA".encode("utf-16-be"),
    b"\xc3",
    b"\xe4",
    b"\xed\xa0\x80",
    b"\xc0\x80",
]
_TIMES = [
    *(b"490101000000Z", b"500101000000Z", b"250229000000Z", b"250101240000Z"),
    *(b"250101235960Z", b"2501010000Z", b"250101000000+0200", b"250101000000"),
    *(b"20250101000000Z", b"20500101000000Z", b"19490101000000Z", b"20250101000000.5Z"),
    *(b"250101 00000Z", b"2\xb2010100000Z", b"+50101000000Z", b"250101000000z"),
    *(b"20301231235959", b"991231235959Z", b"250000000000Z", b"251301000000Z"),
]
_NUMBERS = [
    *(b"\x80", b"\x00", b"", b"\x00\x01", b"\x00\x80", b"\xff\xff"),
    *(b"\x7f" * 20, b"\x7f" * 21, b"\xff" * 20, b"\x00" + b"\xff" * 20),
]


@dataclass(slots=True)
class _Node:
    """An element. ``children`` are those of a constructed one, or of an OCTET STRING.

    ``form`` is how its length is encoded: der, indefinite, long or padded.
    """

    tag: int
    value: bytes = b""
    children: list["_Node"] | None = None
    form: str = "der"
    tail: bytes = b""

    def encode(self) -> bytes:
        inside = self.value
        if self.children is not None:
            inside = b"".join([each.encode() for each in self.children])
        inside += self.tail
        if self.form == "der":
            return der.encode(self.tag, inside)
        match self.form:
            case "indefinite":
                return bytes((self.tag, 0x80)) + inside + b"\0\0"
            case "long":
                return bytes((self.tag, 0x84)) + len(inside).to_bytes(4) + inside
        return bytes((self.tag, 0x83)) + len(inside).to_bytes(3) + inside

    def copy(self) -> "_Node":
        """Return a copy, with copies of all that is inside."""
        children = self.children and [each.copy() for each in self.children]
        return _Node(self.tag, self.value, children, self.form, self.tail)


def _parse(encoded: bytes) -> list[_Node]:
    nodes, position = [], 0
    while position < len(encoded):
        element = der.read(encoded, position)
        node = _Node(element.tag, element.value)
        if element.tag & 0x20:
            node.children = _parse(element.value)
        elif element.tag == der.OCTET_STRING:
            with suppress(der.MalformedError):
                node.children = _parse(element.value)
        nodes.append(node)
        position = element.end
    return nodes


@dataclass(frozen=True)
class _Place:
    """Where a node is: in a list of siblings, below ``top``."""

    siblings: list[_Node]
    index: int
    top: list[_Node]

    @property
    def node(self) -> _Node:
        return self.siblings[self.index]

    def another(self, chance: random.Random) -> _Node:
        """Return a copy of a random node."""
        siblings, index = chance.choice(_places(self.top))
        return siblings[index].copy()


def _places(siblings: list[_Node]) -> list[tuple[list[_Node], int]]:
    """Return where each node is, below these."""
    places = []
    for index, node in enumerate(siblings):
        places.append((siblings, index))
        if node.children:
            places += _places(node.children)
    return places


class Mutator:
    """Makes changed certificates from one, the same ones for the same seed."""

    def __init__(
        self, leaf: bytes, key: ec.EllipticCurvePrivateKey, *, seed: int
    ) -> None:
        [self._leaf], self._key = _parse(leaf), key
        self._chance = random.Random(seed)  # noqa: S311 - the same each time

    def next(self) -> bytes:
        """Return another certificate, changed in one to three places."""
        chance = self._chance
        certificate = self._leaf.copy()
        assert certificate.children is not None
        signed, algorithm, _ = certificate.children
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            self._change(signed)
        assert signed.children is not None
        if len(signed.children) > 2 and signed.children[2].tag == der.SEQUENCE:
            algorithm = signed.children[2]  # mostly changed together
        if chance.random() < 0.03:
            algorithm = algorithm.copy()
            self._change(algorithm)
        return self._sign(signed.encode(), algorithm.encode())

    def _change(self, root: _Node) -> None:
        top = root.children or [root]
        place = _Place(*self._chance.choice(_places(top)), top)
        self._chance.choice(_CHANGES)(place, self._chance)

    def _sign(self, signed: bytes, algorithm: bytes) -> bytes:
        chance = self._chance
        signature = self._key.sign(signed, ec.ECDSA(hashes.SHA384()))
        unused = b"\1" if chance.random() < 0.01 else b"\0"
        bits = _Node(der.BIT_STRING, unused + signature)
        whole = _Node(der.SEQUENCE, signed + algorithm + bits.encode())
        if chance.random() < 0.03:
            chance.choice((_lengthen, _trail))(_Place([whole], 0, []), chance)
        return whole.encode() + (b"\0" if chance.random() < 0.01 else b"")


# --- the changes


def _flip(place: _Place, chance: random.Random) -> None:
    node = place.node
    if node.children is None and node.value:
        value = bytearray(node.value)
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        node.value = bytes(value)
    else:
        node.tag ^= 1 << chance.randrange(8)


def _put(values: list[bytes]) -> Callable[[_Place, random.Random], None]:
    def put(place: _Place, chance: random.Random) -> None:
        place.node.children, place.node.value = None, chance.choice(values)

    return put


def _retag(place: _Place, chance: random.Random) -> None:
    place.node.tag = chance.choice(_TAGS)


def _rename_and_put(place: _Place, chance: random.Random) -> None:
    """Give a text another type, and maybe another content."""
    node = place.node
    node.tag = chance.choice(b"\x0c\x13\x14\x16\x1c\x1e")
    if node.children is None and chance.random() < 0.5:
        node.value = chance.choice(_TEXTS)


def _remove(place: _Place, chance: random.Random) -> None:
    del place.siblings[place.index]


def _double(place: _Place, chance: random.Random) -> None:
    place.siblings.insert(place.index, place.node.copy())


def _swap(place: _Place, chance: random.Random) -> None:
    other, siblings = chance.randrange(len(place.siblings)), place.siblings
    siblings[place.index], siblings[other] = siblings[other], siblings[place.index]


def _lengthen(place: _Place, chance: random.Random) -> None:
    place.node.form = chance.choice(("long", "padded", "indefinite"))


def _trail(place: _Place, chance: random.Random) -> None:
    place.node.tail = chance.choice((b"\0", b"\0\0", b"\x05\0", b"\xff"))


def _replace(place: _Place, chance: random.Random) -> None:
    place.siblings[place.index] = place.another(chance)


def _insert(place: _Place, chance: random.Random) -> None:
    """Insert a value that may be optional there, as ``critical`` or a unique id."""
    new = chance.choice(
        (
            _Node(der.BOOLEAN, chance.choice((b"\0", b"\xff", b"\1"))),
            _Node(chance.choice(b"\x81\x82\xa1\xa2"), b"\0\1"),
            _Node(der.INTEGER, b"\0"),
            _Node(0x05),
        )
    )
    place.siblings.insert(place.index + chance.randrange(2), new)


_CHANGES: list[Callable[[_Place, random.Random], None]] = [
    *(_flip, _put(_VALUES), _put(_TEXTS), _put(_TIMES), _put(_NUMBERS)),
    *(_retag, _rename_and_put, _remove, _double, _swap),
    *(_lengthen, _trail, _replace, _insert),
]
