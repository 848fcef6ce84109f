; SPDX-License-Identifier: MIT
;
; What the installer says besides NSIS's own words. ${STORES} has the addresses of the
; extension from manifests/hosts.json, if it is in a store.

!if "${STORES}" == ""
  !define EXTENSION_EN "The browser also needs Kortilla's extension. It is in no store yet."
  !define EXTENSION_FI "Selain tarvitsee lisäksi Kortillan laajennuksen. Sitä ei ole vielä missään laajennuskaupassa."
  !define EXTENSION_SV "Webbläsaren behöver också Kortillas tillägg. Det finns ännu inte i någon butik."
!else
  !define EXTENSION_EN "The browser also needs Kortilla's extension: ${STORES}"
  !define EXTENSION_FI "Selain tarvitsee lisäksi Kortillan laajennuksen: ${STORES}"
  !define EXTENSION_SV "Webbläsaren behöver också Kortillas tillägg: ${STORES}"
!endif

LangString Install ${LANG_ENGLISH} "Install Kortilla"
LangString Install ${LANG_FINNISH} "Kortillan asennus"
LangString Install ${LANG_SWEDISH} "Installera Kortilla"

LangString Remove ${LANG_ENGLISH} "Remove Kortilla"
LangString Remove ${LANG_FINNISH} "Kortillan poisto"
LangString Remove ${LANG_SWEDISH} "Ta bort Kortilla"

LangString RemoveButton ${LANG_ENGLISH} "&Remove"
LangString RemoveButton ${LANG_FINNISH} "&Poista"
LangString RemoveButton ${LANG_SWEDISH} "&Ta bort"

LangString Installing ${LANG_ENGLISH} "Installing Kortilla"
LangString Installing ${LANG_FINNISH} "Kortillaa asennetaan"
LangString Installing ${LANG_SWEDISH} "Kortilla installeras"

LangString Removing ${LANG_ENGLISH} "Removing Kortilla"
LangString Removing ${LANG_FINNISH} "Kortillaa poistetaan"
LangString Removing ${LANG_SWEDISH} "Kortilla tas bort"

LangString Wait ${LANG_ENGLISH} "Please wait a moment."
LangString Wait ${LANG_FINNISH} "Odota hetki."
LangString Wait ${LANG_SWEDISH} "Vänta en stund."

LangString Installed ${LANG_ENGLISH} "Kortilla is installed"
LangString Installed ${LANG_FINNISH} "Kortilla on asennettu"
LangString Installed ${LANG_SWEDISH} "Kortilla är installerat"

LangString Find ${LANG_ENGLISH} "You can find Kortilla in the start menu."
LangString Find ${LANG_FINNISH} "Löydät Kortillan Käynnistä-valikosta."
LangString Find ${LANG_SWEDISH} "Du hittar Kortilla i Start-menyn."

LangString OpenIt ${LANG_ENGLISH} "&Open Kortilla"
LangString OpenIt ${LANG_FINNISH} "&Avaa Kortilla"
LangString OpenIt ${LANG_SWEDISH} "&Öppna Kortilla"

LangString Done ${LANG_ENGLISH} "&Finish"
LangString Done ${LANG_FINNISH} "&Valmis"
LangString Done ${LANG_SWEDISH} "&Klar"

LangString Kept ${LANG_ENGLISH} "Kortilla is removed from your computer, with its history and the earlier recipients. Your settings stay."
LangString Kept ${LANG_FINNISH} "Kortilla, sen tapahtumat ja aiemmat vastaanottajat poistetaan tietokoneeltasi. Asetuksesi säilyvät."
LangString Kept ${LANG_SWEDISH} "Kortilla, dess händelser och de tidigare mottagarna tas bort från din dator. Dina inställningar finns kvar."

LangString Folder ${LANG_ENGLISH} "From the folder:"
LangString Folder ${LANG_FINNISH} "Kansiosta:"
LangString Folder ${LANG_SWEDISH} "Från mappen:"

LangString Removed ${LANG_ENGLISH} "Kortilla is removed"
LangString Removed ${LANG_FINNISH} "Kortilla on poistettu"
LangString Removed ${LANG_SWEDISH} "Kortilla har tagits bort"

LangString NotInstalled ${LANG_ENGLISH} "Kortilla was not installed"
LangString NotInstalled ${LANG_FINNISH} "Kortillaa ei asennettu"
LangString NotInstalled ${LANG_SWEDISH} "Kortilla installerades inte"

LangString NotRemoved ${LANG_ENGLISH} "Kortilla was not removed"
LangString NotRemoved ${LANG_FINNISH} "Kortillaa ei poistettu"
LangString NotRemoved ${LANG_SWEDISH} "Kortilla togs inte bort"

LangString Welcome ${LANG_ENGLISH} "With Kortilla you identify yourself and sign with an identity card. It is installed only for you, and no administrator is needed.$\r$\n$\r$\nThis is a preview: nobody has used it on Windows yet. Kortilla is not a program of any authority.$\r$\n$\r$\n${EXTENSION_EN}"
LangString Welcome ${LANG_FINNISH} "Kortillalla tunnistaudut ja allekirjoitat henkilökortilla. Se asennetaan vain sinulle, eikä siihen tarvita järjestelmänvalvojaa.$\r$\n$\r$\nTämä on esiversio: kukaan ei ole vielä käyttänyt sitä Windowsissa. Kortilla ei ole minkään viranomaisen ohjelma.$\r$\n$\r$\n${EXTENSION_FI}"
LangString Welcome ${LANG_SWEDISH} "Med Kortilla identifierar du dig och undertecknar med ett identitetskort. Programmet installeras bara för dig, och ingen administratör behövs.$\r$\n$\r$\nDetta är en förhandsversion: ingen har ännu använt den i Windows. Kortilla är inte något myndighetsprogram.$\r$\n$\r$\n${EXTENSION_SV}"

LangString Open ${LANG_ENGLISH} "Kortilla is open. Finish what you do in it, and close it. Then try again."
LangString Open ${LANG_FINNISH} "Kortilla on auki. Tee siinä työsi loppuun ja sulje se. Yritä sitten uudelleen."
LangString Open ${LANG_SWEDISH} "Kortilla är öppet. Avsluta det du gör där och stäng det. Försök sedan igen."

LangString Full ${LANG_ENGLISH} "There is not enough room on the disk. Kortilla needs ${ROOM} megabytes. Nothing was changed."
LangString Full ${LANG_FINNISH} "Levyllä ei ole tarpeeksi tilaa. Kortilla tarvitsee ${ROOM} megatavua. Mitään ei muutettu."
LangString Full ${LANG_SWEDISH} "Det finns inte tillräckligt med plats på disken. Kortilla behöver ${ROOM} megabyte. Ingenting ändrades."

LangString Unwritable ${LANG_ENGLISH} "Kortilla could not be written into the folder $INSTDIR. Nothing was changed."
LangString Unwritable ${LANG_FINNISH} "Kortillaa ei voitu kirjoittaa kansioon $INSTDIR. Mitään ei muutettu."
LangString Unwritable ${LANG_SWEDISH} "Kortilla kunde inte skrivas i mappen $INSTDIR. Ingenting ändrades."

; NSIS puts the name of the file behind this one.
LangString ^ErrorWriting ${LANG_ENGLISH} "Kortilla was not installed. The disk may be full. This file could not be written: "
LangString ^ErrorWriting ${LANG_FINNISH} "Kortillaa ei asennettu. Levy voi olla täynnä. Tiedostoa ei voitu kirjoittaa: "
LangString ^ErrorWriting ${LANG_SWEDISH} "Kortilla installerades inte. Disken kan vara full. Filen kunde inte skrivas: "

LangString Broken ${LANG_ENGLISH} "Kortilla was not installed completely. Restart the computer and install it again."
LangString Broken ${LANG_FINNISH} "Kortillan asennus jäi kesken. Käynnistä tietokone uudelleen ja asenna Kortilla sitten uudestaan."
LangString Broken ${LANG_SWEDISH} "Installationen av Kortilla blev inte klar. Starta om datorn och installera Kortilla på nytt."

LangString Browsers ${LANG_ENGLISH} "Kortilla is installed, but your browsers do not know of it. Install it again."
LangString Browsers ${LANG_FINNISH} "Kortilla on asennettu, mutta selaimesi eivät tunne sitä. Asenna se uudelleen."
LangString Browsers ${LANG_SWEDISH} "Kortilla är installerat, men dina webbläsare känner inte till det. Installera det igen."

LangString Old ${LANG_ENGLISH} "Kortilla needs Windows 10 or 11."
LangString Old ${LANG_FINNISH} "Kortilla vaatii Windows 10:n tai 11:n."
LangString Old ${LANG_SWEDISH} "Kortilla kräver Windows 10 eller 11."
