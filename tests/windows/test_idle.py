# SPDX-License-Identifier: MIT
"""A person may think for longer than Windows lets a transaction be idle: five seconds.

``winscard.c`` takes the place of Wine's winscard, where a transaction lasts forever.
"""

import time

import pytest

from kortilla.mock_card.faults import CommandName
from native_host.card.pcsc_connection import Code
from tests.host.process import running
from tests.windows.conftest import Insert
from tests.windows.wine import Person, Wine

#: Seconds between keys, of which the person types five: eight seconds in all.
_PAUSE = 2.0
#: What a transaction's next command returns after so many seconds.
_WAIT = """
import sys, time
from smartcard import scard
def ok(result, *more): assert result == 0, result; return more
context, = ok(*scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
(reader, *_), = ok(*scard.SCardListReaders(context, []))
wanted = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
card, protocol = ok(
    *scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, wanted))
ok(scard.SCardBeginTransaction(card))
time.sleep(float(sys.argv[1]))
pci = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
print(scard.SCardTransmit(card, pci, [0, 0xA4, 0, 0, 2, 0x3F, 0])[0] & 0xFFFFFFFF)
"""
#: A host that holds the card while the person types.
_HOLDING = """
from native_host.card.pcsc_connection import PcscConnection
PcscConnection.release = lambda self: None
"""


@pytest.mark.parametrize(
    ("seconds", "code"), [("3", Code.OK), ("6", Code.RESET_CARD)], ids=["3", "6"]
)
def test_an_idle_transaction_ends_after_five_seconds(
    wine: Wine, insert: Insert, seconds: str, code: Code
) -> None:
    insert()
    assert int(wine.run("-I", "-c", _WAIT, seconds).stdout) == code


@pytest.mark.parametrize(
    ("prelude", "resets"), [("", 0), (_HOLDING, 1)], ids=["released", "held"]
)
def test_a_person_types_for_eight_seconds(
    wine: Wine, insert: Insert, person: Person, prelude: str, resets: int
) -> None:
    """A host that holds the card is noticed: the card is reset."""
    card = insert()
    with running(wine.environment, prelude=prelude, installed=wine.host) as host:
        host.begin_login()
        person.see("authenticate")
        seen = len(card.log)
        for digit in "1234":
            person.screen.type(digit)
            time.sleep(_PAUSE)
        person.type("")
        assert host.answer()["result"]["signature"]
        meanwhile = card.log[seen : card.log.index(CommandName.VERIFY, seen)]
        assert meanwhile.count("reset") == resets
