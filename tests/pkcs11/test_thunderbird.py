# SPDX-License-Identifier: MIT
"""Thunderbird reads encrypted mail with the card, out of a folder of its own.

It is the real program, without a screen. The test replaces the PIN window.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, BinaryIO, cast

from kortilla.encryption import CertificateRecipient, decrypt, encrypt_message
from kortilla.mock_card.keys import load_private_key
from native_host.files.letters import Letter, message_in
from tests.browser.window import Window
from tests.kortilla.encryption.keys import SoftwareKey
from tests.pkcs11.real import Setup, open_setup
from tests.support.patience import patience
from tools.demo.firefox import Marionette, Preferences, user_preferences
from tools.demo.token import add_token

#: The program itself: the command is a script around it.
PROGRAM = "/usr/lib/thunderbird/thunderbird"
FOLDER = "Letters"
#: An account without a server, and nothing that opens by itself or asks.
PREFERENCES: Preferences = {
    "app.donation.eoy.version.viewed": 999,
    "mail.account.account1.identities": "id1",
    "mail.account.account1.server": "server1",
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.localfoldersserver": "server1",
    "mail.identity.id1.useremail": "specimen@person.example",
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.server.server1.directory-rel": f"[ProfD]Mail/{FOLDER}",
    "mail.server.server1.hostname": "Local Folders",
    "mail.server.server1.type": "none",
    "mail.server.server1.userName": "nobody",
    "mail.shell.checkDefaultClient": False,
    "mail.spam.version": 1,
    # It decrypts to index, at a time that a test can't know.
    "mailnews.database.global.indexer.enabled": False,
    "mailnews.start_page.enabled": False,
}

# Each resolves as soon as it holds, and never polls.
_THREE_PANES = """
const resolve = arguments[0];
const look = () => {
  const window = Services.wm.getMostRecentWindow("mail:3pane");
  const tab = window?.document.getElementById("tabmail")?.currentTabInfo;
  const pane = tab?.chromeBrowser?.contentWindow;
  if (pane?.displayFolder) { resolve(true); } else { setTimeout(look, 50); }
};
look();
"""
_PANE = """
const pane = Services.wm.getMostRecentWindow("mail:3pane")
  .document.getElementById("tabmail").currentTabInfo.chromeBrowser.contentWindow;
"""
_OPEN_FOLDER = f"""
const [name, count, resolve] = arguments;
{_PANE}
const {{ MailServices }} = ChromeUtils.importESModule(
  "resource:///modules/MailServices.sys.mjs");
pane.displayFolder(
  MailServices.accounts.localFoldersServer.rootFolder.getChildNamed(name).URI);
const look = () => {{
  if (pane.threadTree.view?.rowCount === count) resolve(true);
  else setTimeout(look, 50);
}};
look();
"""
_SELECT = f"""
const [row] = arguments;
{_PANE}
pane.threadTree.selectedIndex = row;
"""
_SHOWN = f"""
const [subject, part, resolve] = arguments;
{_PANE}
const look = () => {{
  const shown = pane.messageBrowser?.contentWindow ?? pane;  // or a tab of its own
  const heading = shown?.document.getElementById("expandedsubjectBox")?.textContent;
  const icon = shown?.document.getElementById("encryptedHdrIcon");
  const page = shown?.document.getElementById("messagepane")?.contentDocument;
  const whole = page?.readyState === "complete" && shown.gMessage?.subject === subject;
  const ends = shown?.msgLoaded;
  const text = page?.body?.innerText ?? "";
  if (heading?.endsWith(subject) && whole && ends && text.includes(part)) {{
    resolve([text, icon.hidden ? "" : icon.src]);
  }} else {{
    setTimeout(look, 50);
  }}
}};
look();
"""
# What the menu does, without the window that asks for a file.
_SAVE = f"""
const [row, path, resolve] = arguments;
{_PANE}
const {{ MailServices }} = ChromeUtils.importESModule(
  "resource:///modules/MailServices.sys.mjs");
const uri = pane.gDBView.getURIForViewIndex(row);
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(path);
const listener = {{
  OnStartRunningUrl() {{}},
  OnStopRunningUrl(url, status) {{ resolve(status); }},
}};
const service = MailServices.messageServiceFromURI(uri);
service.saveMessageToDisk(uri, file, false, listener, true, null);
"""
_OPEN_FILE = """
const [path] = arguments;
const { MailUtils } = ChromeUtils.importESModule(
  "resource:///modules/MailUtils.sys.mjs");
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(path);
const window = Services.wm.getMostRecentWindow("mail:3pane");
MailUtils.openEMLFile(window, file, Services.io.newFileURI(file));
"""


@dataclass(frozen=True)
class Mail:
    """Thunderbird with its folder of letters."""

    driver: Marionette
    setup: Setup

    async def script(self, code: str, *arguments: object) -> Any:
        kind = "Async" if "resolve" in code else ""
        return await self.driver.command(
            f"WebDriver:Execute{kind}Script",
            script=code,
            args=[*arguments],
            newSandbox=True,
            scriptTimeout=int(1000 * patience()),
        )

    def select(self, row: int) -> "asyncio.Task[Any]":
        """Select a letter. Thunderbird answers only after the card has."""
        return asyncio.create_task(self.script(_SELECT, row))

    async def read(self, subject: str, part: str = "") -> tuple[str, str]:
        """Wait for a letter with this part. Return its text, and its lock's icon."""
        text, icon = await self.script(_SHOWN, subject, part)
        return text, Path(icon).stem

    async def window(self) -> Window:
        return await self.setup.listener.opened()


def a_letter(number: int, certificate: bytes, *, authenticated: bool) -> EmailMessage:
    letter = EmailMessage(policy.SMTP)
    # Thunderbird leaves out the first line when it saves a letter of this folder.
    letter["Return-Path"] = "<sender@service.example>"
    letter["From"] = "SPECIMEN-Sender <sender@service.example>"
    letter["To"] = "specimen@person.example"
    letter["Subject"] = f"Letter {number}"
    # The newest comes first in the list.
    letter["Date"] = f"Sun, 29 Nov 2026 12:00:0{9 - number} +0000"
    letter["Message-ID"] = f"<{number}@service.example>"
    letter.set_content(f"Hyvää päivää {number}\n")
    recipient = CertificateRecipient.from_der(certificate)
    return encrypt_message(letter, [recipient], authenticated=authenticated)


@contextlib.asynccontextmanager
async def thunderbird(setup: Setup, letters: list[EmailMessage]) -> AsyncIterator[Mail]:
    """Start Thunderbird with the token and a folder of letters."""
    profile = setup.folder / "thunderbird"
    folder = profile / "Mail" / FOLDER
    folder.mkdir(parents=True)
    folder.joinpath(FOLDER).write_bytes(
        b"".join(b"From -\r\n" + each.as_bytes() + b"\r\n\r\n" for each in letters)
    )
    await asyncio.to_thread(add_token, profile, setup.authority)
    (profile / "user.js").write_text(user_preferences(PREFERENCES))
    environment = {**setup.environment, "HOME": str(setup.folder)}
    command = [PROGRAM, "--headless", "--no-remote", "--profile", str(profile)]
    async with Marionette.start(command, environment, patience) as driver:
        await driver.command("Marionette:SetContext", value="chrome")
        mail = Mail(driver, setup)
        await mail.script(_THREE_PANES)
        await mail.script(_OPEN_FOLDER, FOLDER, len(letters))
        yield mail


async def opened_by_kortilla(mail: Mail, row: int) -> Path:
    """Save a letter in Thunderbird, and decrypt it with the card's key."""
    saved, opened = (mail.setup.folder / f"letter{each}.eml" for each in ("", "-2"))
    assert await mail.script(_SAVE, row, str(saved)) == 0
    data = mail.setup.card.state.read().keys[0]
    key = SoftwareKey(data.certificate, load_private_key(data.private_key))
    with ExitStack() as stack, saved.open("rb") as file, opened.open("wb") as sink:
        message, outer = message_in(file, stack)
        letter = Letter(sink, outer)
        decrypt(message, cast("BinaryIO", letter), key)
        letter.end()
    return opened


async def test_thunderbird_reads_letters_with_a_card_of_rsa(tmp_path: Path) -> None:
    async with open_setup(tmp_path, "v4.2") as setup:
        certificate = setup.card.state.read().keys[0].certificate
        letters = [
            a_letter(number, certificate, authenticated=number == 3)
            for number in range(4)
        ]
        async with thunderbird(setup, letters) as mail:
            selecting = mail.select(0)
            window = await mail.window()
            asked = await window.hear("ask-pin")
            conversation = window.told[0]["conversation"]
            assert conversation["operation"] == "decrypt-mail"
            assert (conversation["program"], conversation["caller"]) == (
                "Thunderbird",
                "",
            )
            window.answer(asked, "1234")
            await selecting
            text, lock = await mail.read("Letter 0")
            assert "Hyvää päivää 0" in text
            assert lock == "message-encrypted-ok"
            await window.gone()
            # From here on the user allows more letters.
            selecting = mail.select(1)
            window = await mail.window()
            window.answer(await window.hear("ask-pin"), "1234", kind="allowed")
            await selecting
            assert "Hyvää päivää 1" in (await mail.read("Letter 1"))[0]
            assert (await window.hear_step("ready"))["progress"]["done"] == 1
            await mail.select(2)
            assert "Hyvää päivää 2" in (await mail.read("Letter 2"))[0]
            assert (await window.hear_step("ready"))["progress"]["done"] == 2
            # Thunderbird does not know the other kind, and asks nobody.
            await mail.select(3)
            # Of what it saves, Kortilla makes a letter that it shows.
            opened = await opened_by_kortilla(mail, 3)
            await mail.script(_OPEN_FILE, str(opened))
            _, lock = await mail.read("Letter 3", "Hyvää päivää 3")
            assert lock == ""
            assert b"From: SPECIMEN-Sender" in opened.read_bytes()
            count = setup.listener.count
            assert count == 2
            window.say("cancel")
            await window.gone()
        profile = setup.folder / "thunderbird"
        held = [
            each
            for each in profile.rglob("*")
            if each.is_file() and "Hyvää päivää".encode() in each.read_bytes()
        ]
        assert held == []
        await setup.token.emptied()
        assert setup.card.is_free
