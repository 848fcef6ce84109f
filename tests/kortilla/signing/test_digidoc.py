# SPDX-License-Identifier: MIT
"""What libdigidocpp, the library of DigiDoc4, says of containers.

It demands that an issuer is on a trusted list (ETSI TS 119 612). So it gets a list of
its own here, which names the CA and the time-stamping service of the test card.
"""

import asyncio
import base64
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod
from signxml.signer import XMLSigner

from kortilla import Trust
from kortilla.mock_card.authority import Authority
from kortilla.signing.asice import ValidationData, finish_container, prepare_container
from kortilla.testing import KortillaCard
from tests.kortilla.pki import CA
from tests.kortilla.signed_files import repacked, with_signature
from tests.kortilla.signing_parts import card_answer, signing_certificate
from tests.kortilla.timestamps import ocsp_answer, stamper

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="pydigidoc is built for no other system",
)

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
 <ServiceName><Name xml:lang="en">SPECIMEN</Name></ServiceName>
 <ServiceDigitalIdentity><DigitalId>
  <X509Certificate>{certificate}</X509Certificate>
 </DigitalId></ServiceDigitalIdentity>
 <ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus>
 <StatusStartingTime>2016-07-01T00:00:00Z</StatusStartingTime>
 <ServiceInformationExtensions><Extension Critical="true"><AdditionalServiceInformation>
  <URI xml:lang="en">http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSignatures</URI>
 </AdditionalServiceInformation></Extension></ServiceInformationExtensions>
</ServiceInformation></TSPService>"""
LIST = """
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" Id="list">
<SchemeInformation>
 <TSLVersionIdentifier>5</TSLVersionIdentifier>
 <TSLSequenceNumber>1</TSLSequenceNumber>
 <TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric</TSLType>
 <SchemeOperatorName><Name xml:lang="en">SPECIMEN</Name></SchemeOperatorName>
 <SchemeTerritory>FI</SchemeTerritory>
 <ListIssueDateTime>{begin}</ListIssueDateTime>
 <NextUpdate><dateTime>{end}</dateTime></NextUpdate>
</SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider>
 <TSPInformation>
  <TSPName><Name xml:lang="en">SPECIMEN</Name></TSPName>
 </TSPInformation>
 <TSPServices>{services}</TSPServices>
</TrustServiceProvider></TrustServiceProviderList>
</TrustServiceStatusList>"""


def trusted_list(folder: Path, services: dict[str, bytes]) -> None:
    """Write a signed list, and its signer's certificate."""
    folder.mkdir()
    signer = CA.create("SPECIMEN List")
    now = datetime.now(UTC)
    root = etree.fromstring(
        LIST.format(
            begin=f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
            end=f"{now + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}",
            services="".join(
                SERVICE.format(
                    kind=kind, certificate=base64.b64encode(certificate).decode()
                )
                for kind, certificate in services.items()
            ),
        )
    )
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
    known = {
        x509.Certificate.load(each).subject.hashable: each
        for each in (authority.issuing_der, authority.root_der)
    }
    responses = [
        ocsp_answer(authority, each, known[x509.Certificate.load(each).issuer.hashable])
        for each in certificates
    ]
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


async def test_digidoc_accepts_containers_with_revocation_data_and_for_the_archive(
    kortilla_card: KortillaCard, tmp_path: Path
) -> None:
    authority = Authority.open(kortilla_card.folder)
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    timestamper = stamper(authority)
    state = await prepare_container(
        {"a.txt": b"a", "sopimus ä.pdf": b"b", "c.bin": bytes(range(256))},
        certificate=signing_certificate(kortilla_card),
        trust=trust,
        name="a.asice",
    )
    answer = card_answer(state, kortilla_card)
    ways: dict[str, bool] = {"B-LT": False, "B-LTA": True}
    made: dict[str, bytes] = {}
    for level, archive in ways.items():
        signed = await finish_container(
            state,
            answer,
            trust=trust,
            timestamper=timestamper,
            validation_data=partial(collect, authority),
            archive=archive,
        )
        assert signed.level == level
        made[level] = signed.content
    plain = await finish_container(state, answer, trust=trust)
    made["B-B"] = plain.content
    made["changed"] = repacked(made["B-LT"], {"a.txt": b"x"})
    chain = base64.b64encode(authority.issuing_der).decode()
    made["archive of something else"] = with_signature(
        made["B-LTA"],
        lambda xml: xml.replace(
            f"<ds:X509Certificate>{chain}</ds:X509Certificate>", ""
        ),
    )
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    trusted_list(
        tmp_path / "digidoc",
        {"CA/QC": authority.issuing_der, "TSA/QTST": timestamper.tsa_cert.dump()},
    )
    said = await asyncio.to_thread(check, tmp_path, made)
    assert (said["B-LT"], said["B-LTA"]) == ("valid", "valid")
    assert "'a.txt'" in said["changed"]
    assert "message imprint mismatch" in said["archive of something else"]
    # Only the timestamp, which it demands, is missing.
    assert said["B-B"].splitlines()[1:] == [
        "QualifyingProperties block 'UnsignedProperties' is missing."
    ]
