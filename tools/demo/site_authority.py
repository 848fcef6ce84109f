# SPDX-License-Identifier: MIT
"""A certificate authority for sites on this computer, and browsers that trust it.

Its key is never stored, so it can't issue anything after the program has ended.
"""

import ssl
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kortilla.mock_card.authority import ca_builder
from tools.demo.errors import DemoError


class Authority:
    """Creates a CA in a folder, with one certificate for all sites.

    ``chain`` is the file with the sites' certificate and key, in PEM;
    ``server_context`` is the TLS context for servers.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        key, site_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        name = _name("Kortilla test authority")
        start = datetime.now(UTC) - timedelta(days=1)
        end = start + timedelta(days=31)
        own = ca_builder(
            name, key, name, key, not_before=start, not_after=end, path_length=0
        ).sign(key, hashes.SHA256())
        sites = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        # Python 3.13 accepts no path without it.
        issuing_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            key.public_key()
        )
        site = (
            x509.CertificateBuilder()
            .subject_name(_name("Test site"))
            .issuer_name(name)
            .public_key(site_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(sites, critical=False)
            .add_extension(usage, critical=False)
            .add_extension(issuing_key, critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate = folder / "authority.pem"
        self.certificate.write_bytes(own.public_bytes(serialization.Encoding.PEM))
        self.chain = folder / "site.pem"
        self.chain.touch(mode=0o600)
        self.chain.write_bytes(
            site_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + site.public_bytes(serialization.Encoding.PEM)
        )
        self.server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server_context.load_cert_chain(self.chain)

    def trust_in(self, folder: Path) -> None:
        """Make a browser's NSS database trust this CA.

        Creates the database if there is none. Raises ``DemoError``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        database = ["certutil", "-d", f"sql:{folder}"]
        if not (folder / "cert9.db").exists():
            _run([*database, "-N", "--empty-password"])
        trust = ["-A", "-t", "C,,", "-n", "test", "-i", str(self.certificate)]
        _run([*database, *trust])


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True)  # noqa: S603 - no word of it is anybody's
    except FileNotFoundError:
        raise DemoError(
            "certutil is not installed. On Debian: apt install libnss3-tools"
        ) from None
    except subprocess.CalledProcessError as error:
        raise DemoError(f"certutil failed with {error.returncode}.") from error


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
