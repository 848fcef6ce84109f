# SPDX-License-Identifier: MIT
"""Containers with revocation data and an archive timestamp of all that was signed.

libdigidocpp, the library of DigiDoc4, accepts them too. It demands that an issuer is on
a trusted list (ETSI TS 119 612). So it gets a list of its own here, which names the CA
and the time-stamping service of the test card.
"""

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from pyhanko.sign.timestamps import DummyTimeStamper

from kortilla import Trust
from kortilla.errors import SignatureValidationError
from kortilla.mock_card.authority import Authority
from kortilla.signing.asice import ValidationData, finish_container, prepare_container
from kortilla.signing.signature import SignedDocument
from kortilla.signing.state import PreparedSignature
from kortilla.signing.verification import TrustedCAs, Verdict, verify_document
from kortilla.testing import KortillaCard
from tests.kortilla.pki import CA
from tests.kortilla.signed_files import SIGNATURES, repacked, with_signature
from tests.kortilla.signing_parts import GOOD, b64, card_answer, signing_certificate
from tests.kortilla.timestamps import lists, ocsp_answer

FILES = {"sopimus ä&%.txt": b"Sopimus", "tyhjä": b"", "liite.bin": bytes(3 << 20)}


@pytest.fixture
async def state(kortilla_card: KortillaCard) -> PreparedSignature:
    """A prepared container."""
    return await prepare_container(
        FILES,
        certificate=signing_certificate(kortilla_card),
        trust=Trust.from_folder(kortilla_card.folder, test=True),
        name="a.asice",
    )


@pytest.fixture
def finish(
    kortilla_card: KortillaCard, state: PreparedSignature
) -> Callable[..., Awaitable[SignedDocument]]:
    """Sign the container, with what a test gives."""
    answer = card_answer(state, kortilla_card)
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    return partial(finish_container, answer=answer, trust=trust)


def with_last(pattern: str, other: str, xml: str) -> str:
    """Replace the last part of a text that a pattern matches."""
    [*_, last] = re.finditer(pattern, xml)
    return xml[: last.start()] + other + xml[last.end() :]


MANY = "AAAA" * 1_500_000


@pytest.mark.parametrize(
    ("pattern", "other", "level"),
    [
        (None, "", "B-LTA"),
        # Revocation data that can't be read.
        ("(?<=EncapsulatedCRLValue>)[^<]+", "AAAA", "B-T"),
        ("(?<=EncapsulatedCRLValue>)[^<]+", MANY, "B-T"),
        # Another timestamp before it, and another chain.
        ("(?=<xades:Revoc)", '<xades:SignatureTimeStamp Id="S0-T1"/>', "B-LT"),
        ("<ds:X509Certificate>.*?</ds:X509Certificate>", "", "B-LT"),
        # No token in it, or a form that is not known.
        ("<xades:EncapsulatedTimeStamp>.*?TimeStamp>", "", "B-LT"),
        ("xml-c14n11", "no-form", "B-LT"),
    ],
    ids=["", "odd data", "long data", "timestamp", "chain", "no token", "form"],
)
async def test_it_is_verified_with_all_that_it_is_of(
    finish: Callable[..., Awaitable[SignedDocument]],
    state: PreparedSignature,
    authority: Authority,
    timestamper: DummyTimeStamper,
    pattern: str | None,
    other: str,
    level: str,
) -> None:
    # A list from before the signature would not tell of a card lost since.
    data = ValidationData(crls=lists(authority, datetime.now(UTC)))
    signed = await finish(
        state, timestamper=timestamper, validation_data=data, archive=True
    )
    content = signed.content
    if pattern is not None:
        content = with_signature(content, partial(with_last, pattern, other))
    cas = [authority.root_der, authority.issuing_der]
    report = await verify_document(
        content,
        trusted=TrustedCAs.from_certificates(cas),
        revocation=GOOD,
        timestamp_cas=cas,
    )
    [signature] = report.signatures
    [stamp] = report.timestamps
    assert (report.verdict, stamp.place) == (Verdict.VALID, SIGNATURES)
    assert signature.level == level
    assert stamp.intact == stamp.trusted == (pattern is None)


@pytest.mark.parametrize("document", [b"", b"PK", b"PK\x05\x06" + bytes(18)])
async def test_without_the_prepared_files_nothing_is_archived(
    finish: Callable[..., Awaitable[SignedDocument]],
    state: PreparedSignature,
    timestamper: DummyTimeStamper,
    document: bytes,
) -> None:
    other = replace(state, document=document)
    with pytest.raises(SignatureValidationError):
        await finish(other, timestamper=timestamper, archive=True)


URL = "https://list.invalid/list.xml"
#: It keeps its state in the process, so it runs in one of its own.
CHECK = f"""
import json, os, shutil, sys
from pathlib import Path
import pydigidoc
schema, folder, *files = Path(pydigidoc.__file__).parent / "schema", *sys.argv[1:]
shutil.copytree(schema, folder, dirs_exist_ok=True)
settings = pydigidoc.DigiDocConf(folder)
pydigidoc.Conf.init(settings)
settings.set_tslurl({URL!r})
settings.set_tslcert(open(folder + "/list.der", "rb").read())
pydigidoc.initialize_lib("kortilla-test", folder)
said = {{}}
for file in files:
    container = pydigidoc.Container.open(file)  # it owns its signatures
    [signature] = container.signatures()
    try:
        signature.validate()
        said[file] = "valid"
    except RuntimeError as error:
        said[file] = str(error)
print(json.dumps(said), flush=True)
os._exit(0)  # it frees the settings twice
"""
SERVICE = """
<TSPService><ServiceInformation>
 <ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/{kind}</ServiceTypeIdentifier>
 <ServiceDigitalIdentity><DigitalId>
  <X509Certificate>{certificate}</X509Certificate>
 </DigitalId></ServiceDigitalIdentity>
 <ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus>
</ServiceInformation></TSPService>"""
#: The parts that the library needs.
LIST = """
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" Id="list">
<SchemeInformation>
 <TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric</TSLType>
 <NextUpdate><dateTime>{end:%Y-%m-%dT%H:%M:%SZ}</dateTime></NextUpdate>
</SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider>
 <TSPServices>{services}</TSPServices>
</TrustServiceProvider></TrustServiceProviderList>
</TrustServiceStatusList>"""


def trusted_list(folder: Path, services: dict[str, bytes]) -> None:
    """Write a signed list, and its signer's certificate."""
    from signxml.algorithms import SignatureConstructionMethod  # noqa: PLC0415 - extras
    from signxml.signer import XMLSigner  # noqa: PLC0415

    folder.mkdir()
    signer = CA.create("SPECIMEN List")
    listed = [
        SERVICE.format(kind=kind, certificate=b64(certificate))
        for kind, certificate in services.items()
    ]
    end = datetime.now(UTC) + timedelta(days=9)
    root = etree.fromstring(LIST.format(end=end, services="".join(listed)))
    key = signer.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    signed = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm="ecdsa-sha384",
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    ).sign(root, key=key, cert=[load_der_x509_certificate(signer.der)])
    (folder / "list.xml").write_bytes(etree.tostring(signed, xml_declaration=True))
    (folder / "list.der").write_bytes(signer.der)


async def collect(
    authority: Authority, certificates: tuple[bytes, ...]
) -> ValidationData:
    """Ask the CAs now, after the timestamp, as the library demands."""
    responses = [ocsp_answer(authority, each) for each in certificates]
    return ValidationData(tuple(responses), certificates=(authority.root_der,))


def check(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """Return what the library says of files: ``valid``, or why not."""
    finished = subprocess.run(
        [sys.executable, "-c", CHECK, str(folder / "digidoc"), *files],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    said: dict[str, str] = json.loads(finished.stdout.splitlines()[-1])
    return said


@pytest.mark.extras
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="pydigidoc is built for no other system",
)
async def test_digidoc_accepts_containers_with_revocation_data_and_for_the_archive(
    finish: Callable[..., Awaitable[SignedDocument]],
    state: PreparedSignature,
    authority: Authority,
    timestamper: DummyTimeStamper,
    tmp_path: Path,
) -> None:
    made = {"B-B": (await finish(state)).content}
    for level, archive in (("B-LT", False), ("B-LTA", True)):
        signed = await finish(
            state,
            timestamper=timestamper,
            validation_data=partial(collect, authority),
            archive=archive,
        )
        assert signed.level == level
        made[level] = signed.content
    made["changed"] = repacked(made["B-LT"], {"tyhjä": b"x"})
    chain = "<ds:X509Certificate>.*?</ds:X509Certificate>"
    made["archive of something else"] = with_signature(
        made["B-LTA"], partial(with_last, chain, "")
    )
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    trusted_list(
        tmp_path / "digidoc",
        {"CA/QC": authority.issuing_der, "TSA/QTST": timestamper.tsa_cert.dump()},
    )
    said = await asyncio.to_thread(check, tmp_path, made)
    assert (said["B-LT"], said["B-LTA"]) == ("valid", "valid")
    assert "'tyhj%C3%A4'" in said["changed"]
    assert "message imprint mismatch" in said["archive of something else"]
    # Only the timestamp, which it demands, is missing.
    assert said["B-B"].splitlines()[1:] == [
        "QualifyingProperties block 'UnsignedProperties' is missing."
    ]
