# SPDX-License-Identifier: MIT
"""Revocation with responses and lists of OpenSSL.

These tests use the real clock, since OpenSSL has no other.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from asn1crypto import pem
from cryptography.hazmat.primitives import serialization

from kortilla.clock import utc_now
from tests.kortilla.pki import CA, Key, Leaf
from tests.kortilla.responder import LEAF_SERIAL, OTHER_SERIAL, Chain, Server
from tests.kortilla.revocation_checks import Checks

START, END = datetime(2022, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


def checks_of(server: Server, root: CA, folder: Path, by: str) -> Checks:
    """Return checks of a leaf, whose CA is in the folder for OpenSSL."""
    chain = Chain.create(server.address, root)
    write_pem(folder, "ca", chain.ca.der, chain.ca.key)
    checks = Checks(server, chain, by, {"clock": utc_now})
    checks.path = checks.leaf_alone
    return checks


async def openssl(folder: Path, arguments: str) -> str:
    """Run OpenSSL in a folder, and return its output."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *arguments.split(),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


def write_pem(folder: Path, name: str, certificate: bytes, key: Key) -> None:
    """Write ``name.crt`` and ``name.key``."""
    (folder / f"{name}.crt").write_bytes(pem.armor("CERTIFICATE", certificate))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def write_index(folder: Path, *lines: tuple[int, bool]) -> None:
    """Write the database of ``openssl ca``: serial numbers, and whether revoked."""
    (folder / "index").write_text(
        "".join(
            f"{'R' if revoked else 'V'}\t400101000000Z\t"
            f"{'230101000000Z,keyCompromise' if revoked else ''}\t"
            f"{serial:04X}\tunknown\t/CN=SPECIMEN\n"
            for serial, revoked in lines
        )
    )


@pytest.mark.parametrize("by_delegate", [False, True])
async def test_openssl_as_the_responder(
    server: Server, root: CA, tmp_path: Path, by_delegate: bool
) -> None:
    checks = checks_of(server, root, tmp_path, "ocsp")
    signer: CA | Leaf = checks.chain.ca
    if by_delegate:
        signer = checks.chain.delegate(not_before=START, not_after=END)
    write_pem(tmp_path, "signer", signer.der, signer.key)

    async def answer(request: web.Request) -> web.StreamResponse:
        (tmp_path / "request").write_bytes(await request.read())
        await openssl(
            tmp_path,
            "ocsp -index index -CA ca.crt -rsigner signer.crt -rkey signer.key "
            "-reqin request -respout answer -nmin 5",
        )
        return web.Response(body=(tmp_path / "answer").read_bytes())

    checks.serve(answer)
    write_index(tmp_path, (LEAF_SERIAL, False), (OTHER_SERIAL, True))
    await checks.accept()
    write_index(tmp_path, (LEAF_SERIAL, True), (OTHER_SERIAL, False))
    await checks.revoked()
    write_index(tmp_path, (OTHER_SERIAL, False))
    await checks.refuse("unknown")
    text = await openssl(tmp_path, "ocsp -reqin request -req_text")
    for each in ("sha1", f"{LEAF_SERIAL:X}", "Nonce"):
        assert each in text


async def test_lists_of_openssl(server: Server, root: CA, tmp_path: Path) -> None:
    checks = checks_of(server, root, tmp_path, "crl")
    (tmp_path / "config").write_text(
        "[ca]\ndefault_ca=c\n[c]\ndatabase=index\ndefault_md=sha256\n"
        "default_crl_days=1\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n"
        "issuingDistributionPoint=critical,@d\n"
        f"[d]\nfullname=URI:{server.address}/crl/issuing.crl\n"
    )

    async def serve(_: web.Request) -> web.StreamResponse:
        await openssl(
            tmp_path,
            "ca -config config -gencrl -cert ca.crt -keyfile ca.key -out list",
        )
        await openssl(tmp_path, "crl -in list -outform DER -out list.der")
        return web.Response(body=(tmp_path / "list.der").read_bytes())

    checks.serve(serve)
    write_index(tmp_path, (LEAF_SERIAL, False), (OTHER_SERIAL, True))
    await checks.accept()
    write_index(tmp_path, (LEAF_SERIAL, True), (OTHER_SERIAL, True))
    await checks.revoked()
