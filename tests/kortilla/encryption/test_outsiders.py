# SPDX-License-Identifier: MIT
"""Other programs read what is encrypted here, and their messages are read here.

docs/encryption.md has the table of what each of them reads and writes.
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kortilla.encryption import encrypt_message
from tests.kortilla.encryption.keys import (
    AUTHENTICATED,
    CONTENT,
    PASSWORD,
    SoftwareKey,
    decrypted,
    encrypted,
    openssl,
)


@AUTHENTICATED
def test_openssl_reads_it(
    tmp_path: Path, key: SoftwareKey, authenticated: bool
) -> None:
    message = encrypted(key.recipient, PASSWORD, authenticated=authenticated)
    reads = ["-decrypt", "-binary", "-inform", "DER"]
    assert openssl(*reads, *key.save(tmp_path), content=message) == CONTENT
    by_password = ["-pwri_password", PASSWORD.password]
    assert openssl(*reads, *by_password, content=message) == CONTENT


@pytest.mark.parametrize("form", [[], ["-stream"], ["-keyid"]], ids=str)
@pytest.mark.parametrize(
    "cipher", ["aes-128-gcm", "aes-256-gcm", "aes-192-cbc", "aes-256-cbc"]
)
def test_what_openssl_wrote_is_read(
    tmp_path: Path, key: SoftwareKey, cipher: str, form: list[str]
) -> None:
    _, certificate, *_ = key.save(tmp_path)
    rsa_keys = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256"]
    options = rsa_keys if isinstance(key.private, rsa.RSAPrivateKey) else []
    if not options:
        options = ["ecdh_kdf_md:sha384"]
    for keys in ([], [word for each in options for word in ("-keyopt", each)]):
        message = openssl(
            *["-encrypt", "-binary", "-outform", "DER", f"-{cipher}", *form],
            *["-recip", certificate, *keys],
            content=CONTENT,
        )
        assert decrypted(message, key) == CONTENT


def test_a_password_of_openssl_is_read() -> None:
    message = openssl(
        *["-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc"],
        *["-pwri_password", PASSWORD.password],
        content=CONTENT,
    )
    assert decrypted(message, PASSWORD.password) == CONTENT


@AUTHENTICATED
def test_openssl_reads_a_mail(
    tmp_path: Path, key: SoftwareKey, authenticated: bool
) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Päätös"
    mail["To"] = "specimen@person.example"
    mail.set_content("Hyvä vastaanottaja\n")
    mail.add_attachment(b"%PDF-\0\xff", "application", "pdf", filename="päätös.pdf")
    sealed = encrypt_message(mail, [key.recipient], authenticated=authenticated)
    assert (sealed["To"], sealed["Subject"]) == (mail["To"], mail["Subject"])
    assert "vastaanottaja" not in sealed.as_string()
    assert sealed.get_content_type() == "application/pkcs7-mime"
    reads = ["-decrypt", "-inform", "SMIME", *key.save(tmp_path)]
    inner = openssl(*reads, content=sealed.as_bytes())
    found = message_from_bytes(inner, policy=policy.default)
    assert isinstance(found, EmailMessage)
    body = found.get_body()
    assert body is not None
    assert body.get_content().splitlines() == ["Hyvä vastaanottaja"]
    [attachment] = found.iter_attachments()
    assert attachment.get_content() == b"%PDF-\0\xff"
    assert attachment.get_filename() == "päätös.pdf"


SECRET = "secret"


def pkcs12(folder: Path, key: SoftwareKey) -> str:
    """Store a certificate and its key, and return the file's name."""
    _, certificate, _, private = key.save(folder)
    file = str(folder / "key.p12")
    run(
        *("openssl", "pkcs12", "-export", "-in", certificate, "-inkey", private),
        *("-out", file, "-passout", f"pass:{SECRET}"),
    )
    return file


def run(*command: str, content: bytes = b"") -> bytes:
    done = subprocess.run(command, input=content, capture_output=True, check=True)
    return done.stdout


# --- NSS, which Thunderbird has


class Nss:
    """A database with a certificate and its key."""

    def __init__(self, folder: Path, key: SoftwareKey) -> None:
        self._database = ["-d", f"sql:{folder}"]
        self._run("certutil", "-N", "--empty-password")
        self._run("pk12util", "-i", pkcs12(folder, key), "-W", SECRET, "-K", "")
        [name] = [
            line.removesuffix("u,u,u").strip()
            for line in self._run("certutil", "-L").decode().splitlines()
            if line.endswith("u,u,u")
        ]
        self._run("certutil", "-M", "-n", name, "-t", "P,P,P")
        self._name = name

    def read(self, message: bytes) -> bytes:
        return self._run("cmsutil", "-D", content=message)

    def write(self, content: bytes) -> bytes:
        return self._run("cmsutil", "-E", "-r", self._name, content=content)

    def _run(self, program: str, *arguments: str, content: bytes = b"") -> bytes:
        return run(program, *self._database, *arguments, content=content)


def test_nss_reads_and_writes_cbc(tmp_path: Path, key: SoftwareKey) -> None:
    nss = Nss(tmp_path, key)
    assert nss.read(encrypted(key.recipient, authenticated=False)) == CONTENT
    assert decrypted(nss.write(CONTENT), key) == CONTENT
    # What docs/encryption.md says of mail.
    for message in (
        encrypted(key.recipient),
        encrypted(key.recipient, PASSWORD, authenticated=False),
    ):
        with pytest.raises(subprocess.CalledProcessError):
            nss.read(message)


# --- GnuPG


class Gpgsm:
    """A home with a certificate and its key."""

    def __init__(self, home: Path, key: SoftwareKey) -> None:
        self._home = home
        (home / "gpg-agent.conf").write_text(
            "allow-loopback-pinentry\ns2k-count 65536\n"
        )
        (home / "gpgsm.conf").write_text("disable-crl-checks\ndisable-dirmngr\n")
        self._recipient = "0x" + hashlib.sha1(key.certificate).hexdigest()  # noqa: S324
        self._run("--import", pkcs12(home, key))

    def read(self, message: bytes) -> bytes:
        file = self._home / "message"
        file.write_bytes(message)
        return self._run("--decrypt", str(file))

    def write(self, content: bytes) -> bytes:
        file = self._home / "content"
        file.write_bytes(content)
        return self._run("--encrypt", "--recipient", self._recipient, str(file))

    def _run(self, *arguments: str) -> bytes:
        return run(
            *("gpgsm", "--homedir", str(self._home), "--batch", "--always-trust"),
            *("--pinentry-mode", "loopback", "--passphrase-fd", "0"),
            *arguments,
            content=SECRET.encode(),
        )


@pytest.fixture
def gpgsm(key: SoftwareKey) -> Iterator[Gpgsm]:
    # The address of the agent's socket must be short.
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield Gpgsm(Path(folder), key)
        finally:
            run("gpgconf", "--homedir", folder, "--kill", "all")


def test_gpgsm_reads_and_writes_cbc(gpgsm: Gpgsm, key: SoftwareKey) -> None:
    assert decrypted(gpgsm.write(CONTENT), key) == CONTENT
    mail = encrypted(key.recipient, authenticated=False)
    if isinstance(key.private, rsa.RSAPrivateKey):
        with pytest.raises(subprocess.CalledProcessError):
            gpgsm.read(mail)  # it lacks OAEP
    else:
        assert gpgsm.read(mail) == CONTENT
    with pytest.raises(subprocess.CalledProcessError):
        gpgsm.read(encrypted(key.recipient))
