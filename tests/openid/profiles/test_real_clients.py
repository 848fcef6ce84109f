# SPDX-License-Identifier: MIT
"""openid-client logs in for a broker and for a bank."""

import asyncio
import contextlib
import json
import os
from pathlib import Path

from kortilla.openid import Settings, create_provider, sub_application
from tests.openid.clients.running import listen, serve_on
from tests.openid.profiles.parties import (
    LEVEL,
    SEALING,
    SIGNING,
    bank,
    broker,
    rsa_keys,
)
from tests.openid.provider import configuration, key_file

SCRIPT = Path(__file__).with_name("clients.mjs")


async def test_openid_client_signs_decrypts_and_proves(keyed: Path) -> None:
    listener, port = listen()
    issuer = f"http://localhost:{port}"
    content = configuration(issuer=issuer, clients=[bank(), broker()])
    settings = Settings.model_validate({**content, "folder": keyed})
    given = {
        "issuer": issuer,
        "level": LEVEL,
        "sig": SIGNING.as_dict(private=True),
        "enc": SEALING.as_dict(private=True),
        "rsa": rsa_keys()[1].as_dict(private=True),
    }
    async with contextlib.AsyncExitStack() as stack:
        provider = create_provider(settings, simulator=True, keys=key_file(keyed))
        await serve_on(stack, sub_application(provider), listener)
        process = await asyncio.create_subprocess_exec(
            *("node", str(SCRIPT), json.dumps(given)),
            env={"PATH": os.environ["PATH"], "HOME": str(keyed)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    *brokers, banks = json.loads(out)
    for each in brokers:
        assert each["parts"] == 5  # encrypted
        for told in (each["claims"], each["told"]):
            assert told["urn:oid:1.2.246.22"] == "99955512B"
            assert told["urn:oid:2.5.4.4"] == "SPECIMEN-VIRTANEN"
    assert banks["kind"].lower() == "dpop"
    assert banks["told"]["name"] == "AINO SPECIMEN-VIRTANEN"
