# SPDX-License-Identifier: MIT
"""Measures encryption: whether a fault takes as long as another, and large files.

``python -m tools.bench_encryption`` runs only this; ``bench.py`` uses it too. The large
files are measured beside ``openssl cms`` of the system, each as a process of its own.
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from kortilla.encryption import DecryptionFailedError, DecryptionKey, decrypt
from kortilla.mock_card.state import MockCardState
from native_host.card.decryption import CardDecryption
from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.files.decrypt import DecryptWish, decrypt_own_files
from native_host.operations.request import Context
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.model import Answer, AnyQuestion, PinQuestion
from tests.kortilla.encryption.keys import SoftwareKey, encrypted, key_of
from tests.support.cards import new_card
from tools.bench_page import show

TRIES = 2000
SMALL, LARGE = 100, 1000  # MB
_RUNS = 15
_MEMORY = "64 MB"
#: What encrypts or decrypts with the key of the folder: its arguments are files.
_CODE = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from kortilla.encryption import CertificateRecipient, decrypt, encrypt
do, folder, source, sink = sys.argv[1:]
class Key:
    certificate = Path(folder, "certificate.der").read_bytes()
    def agree(self, point):
        other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
        private = load_pem_private_key(Path(folder, "key.pem").read_bytes(), None)
        return private.exchange(ec.ECDH(), other)
with open(source, "rb") as read, open(sink, "wb") as write:
    if do == "encrypt":
        encrypt(read, write, [CertificateRecipient.from_der(Key.certificate)])
    else:
        decrypt(read, write, Key())
"""
#: Prints a command's seconds, processor seconds, and peak memory in KB.
_STARTER = """
import os, sys, time
begun = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
print(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(status != 0)
"""


def main() -> None:
    """Measure and print everything."""
    faults("software", key_of("v4.2"))
    with TemporaryDirectory() as folder:
        card_faults(Path(folder))
        one_small_file(Path(folder))
    with TemporaryDirectory() as folder:
        large_files(Path(folder))


# --- the time of each fault (RFC 3218)


@dataclass
class _Broken:
    """A recipient whose encrypted key is a block of PKCS#1 v1.5."""

    key: SoftwareKey
    block: Callable[[bytes], bytes]

    def info(self, content_key: bytes) -> cms.RecipientInfo:
        public = cast(RSAPublicKey, self.key.private.public_key()).public_numbers()
        block = self.block(content_key)
        value = block  # a number above the modulus stays as it is
        if int.from_bytes(block) < public.n:
            value = pow(int.from_bytes(block), public.e, public.n).to_bytes(256)
        made = self.key.recipient.info(content_key)
        made.chosen["key_encryption_algorithm"] = {"algorithm": "rsaes_pkcs1v15"}
        made.chosen["encrypted_key"] = value
        return made


def _block(key: bytes, *, head: bytes = b"\0\2") -> bytes:
    return head + b"\7" * (253 - len(key)) + b"\0" + key


#: Each leads to the same error. The first is a message of another key.
FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "right padding, another key": lambda _: _block(os.urandom(32)),
    "00 01 in place of 00 02": lambda key: _block(key, head=b"\0\1"),
    "01 02 in place of 00 02": lambda key: _block(key, head=b"\1\2"),
    "no separator": lambda _: b"\0\2" + b"\7" * 254,
    "7 bytes of padding": lambda _: b"\0\2" + b"\7" * 7 + b"\0" + b"\7" * 246,
    "an empty key": lambda _: b"\0\2" + b"\7" * 253 + b"\0",
    "a key of 31 bytes": lambda _: _block(os.urandom(31)),
    "a key of 33 bytes": lambda _: _block(os.urandom(33)),
    "zeros": lambda _: b"",
    "a number above the modulus": lambda _: b"\xff" * 256,
}


def faults(what: str, key: DecryptionKey) -> None:
    """Print how long each fault takes, in random turns.

    It is the processor's time of this thread: other programs count for less there.
    """
    own = key_of("v4.2")
    own.certificate = key.certificate
    messages = {
        name: encrypted(_Broken(own, block), content=b"abc")
        for name, block in FAULTS.items()
    }
    turns = [name for name in FAULTS for _ in range(TRIES)]
    random.shuffle(turns)
    times: dict[str, list[float]] = {name: [] for name in FAULTS}
    for name in turns:
        message = messages[name]
        begun = time.thread_time()
        try:
            decrypt(message, BytesIO(), key)
        except DecryptionFailedError:
            times[name].append(time.thread_time() - begun)
    print(f"one message with PKCS#1 v1.5, {what} key, {TRIES} tries of each, in µs")
    for name, found in times.items():
        assert len(found) == TRIES  # noqa: S101 - or another error was raised
        low, median, high = (each * 1e6 for each in statistics.quantiles(found, n=4))
        print(f"  {name:42} {median:7.1f}    ({low:.1f} to {high:.1f}, half of them)")


def card_faults(folder: Path) -> None:
    """The same with the mock card, whose PIN1 was verified."""
    connection = MockCardConnection(new_card(folder / "rsa", "v4.2"))
    card = FineidCard(connection)
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    faults("mock card's", CardDecryption(card, card.key(KeyRole.AUTHENTICATION)))
    connection.close()


# --- files


class _Typist(AutomaticPrompt):
    """Types PIN1 at once, and notes when."""

    typed = 0.0

    async def ask(self, question: AnyQuestion) -> Answer:
        if isinstance(question, PinQuestion):
            self.typed = time.perf_counter()
        return await super().ask(question)


def one_small_file(folder: Path) -> None:
    """Print the time from Enter to the decrypted file, for each kind of key."""
    for profile, kind in (("v5", "P-384"), ("v4.2", "RSA-2048")):
        state = new_card(folder / profile, profile)
        message = folder / f"{profile}.pdf.p7m"
        message.write_bytes(encrypted(key_of(profile).recipient, content=bytes(10_000)))
        times = [asyncio.run(_decrypt(state, message)) for _ in range(_RUNS)]
        show(f"Enter → a decrypted file, {kind}", times, "30 ms")


async def _decrypt(state: MockCardState, message: Path) -> float:
    async with MockCardSource(state.folder) as source:
        prompt = _Typist({"PIN1": "1234"})
        wish = DecryptWish(files=(message,), language="fi")
        done = await decrypt_own_files(Context(source, prompt), wish)
        seconds = time.perf_counter() - prompt.typed
    [made] = done.made
    made.path.unlink()
    return seconds


def large_files(folder: Path) -> None:
    """Print times and memory of large files, beside OpenSSL's."""
    key = key_of("v5")
    key.save(folder)
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    (folder / "certificate.der").write_bytes(key.certificate)
    plain, sealed, back = (folder / name for name in ("plain", "sealed", "back"))
    own = [sys.executable, "-c", _CODE]
    recipient = ["-binary", "-recip", str(certificate)]
    openssl = ["openssl", "cms"]
    to = ["-aes-256-gcm", "-outform", "DER", "-in", str(plain), "-out", str(sealed)]
    of = ["-inform", "DER", "-in", str(sealed), "-out", str(back)]
    commands = {
        "kortilla encrypts": [*own, "encrypt", str(folder), str(plain), str(sealed)],
        "kortilla decrypts": [*own, "decrypt", str(folder), str(sealed), str(back)],
        "openssl cms -encrypt": [*openssl, "-encrypt", *recipient, *to],
        "openssl cms -encrypt -stream": [
            *[*openssl, "-encrypt", "-stream", *recipient, *to]
        ],
        "openssl cms -decrypt": [
            *[*openssl, "-decrypt", *recipient, "-inkey", str(private), *of]
        ],
    }
    _write(plain, SMALL)
    print(f"{SMALL} MB, a whole process each: seconds, processor seconds, memory")
    measured = [(name, _measure(commands[name])) for name in commands]
    for name, rows in measured:
        print(f"  {name:32} {rows}")
    _write(plain, LARGE)
    print(f"{LARGE} MB, memory: goal {_MEMORY}")
    for name in ("kortilla encrypts", "kortilla decrypts"):
        print(f"  {name:32} {_measure(commands[name])}", flush=True)


def _write(file: Path, size: int) -> None:
    piece = os.urandom(1_000_000)
    with file.open("wb") as sink:
        for _ in range(size):
            sink.write(piece)


def _measure(command: list[str]) -> str:
    """Run a command, and return its seconds, processor seconds and peak memory."""
    # The kernel counts the memory of what starts a process, so that is a small one.
    starter = [sys.executable, "-I", "-S", "-c", _STARTER, *command]
    done = subprocess.run(starter, check=True, stdout=subprocess.PIPE)  # noqa: S603
    seconds, processor, memory = map(float, done.stdout.split())
    return f"{seconds:6.2f} s  {processor:6.2f} s  {memory / 1024:6.0f} MB"


if __name__ == "__main__":
    main()
