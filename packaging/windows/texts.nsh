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

LangString Welcome ${LANG_ENGLISH} "With Kortilla you identify yourself and sign with an identity card. It is installed only for you, and no administrator is needed.$\r$\n$\r$\nThis is a preview: nobody has used it on Windows yet. Kortilla is not a program of any authority.$\r$\n$\r$\n${EXTENSION_EN}"
LangString Welcome ${LANG_FINNISH} "Kortillalla tunnistaudut ja allekirjoitat henkilökortilla. Se asennetaan vain sinulle, eikä siihen tarvita järjestelmänvalvojaa.$\r$\n$\r$\nTämä on esiversio: kukaan ei ole vielä käyttänyt sitä Windowsissa. Kortilla ei ole minkään viranomaisen ohjelma.$\r$\n$\r$\n${EXTENSION_FI}"
LangString Welcome ${LANG_SWEDISH} "Med Kortilla identifierar du dig och undertecknar med ett identitetskort. Programmet installeras bara för dig, och ingen administratör behövs.$\r$\n$\r$\nDetta är en förhandsversion: ingen har ännu använt den i Windows. Kortilla är inte något myndighetsprogram.$\r$\n$\r$\n${EXTENSION_SV}"

LangString Open ${LANG_ENGLISH} "Kortilla is open. Finish what you do in it, and close it. Then try again."
LangString Open ${LANG_FINNISH} "Kortilla on auki. Tee siinä työsi loppuun ja sulje se. Yritä sitten uudelleen."
LangString Open ${LANG_SWEDISH} "Kortilla är öppet. Avsluta det du gör där och stäng det. Försök sedan igen."

LangString Browsers ${LANG_ENGLISH} "Kortilla is installed, but your browsers do not know of it. Install it again."
LangString Browsers ${LANG_FINNISH} "Kortilla on asennettu, mutta selaimesi eivät tunne sitä. Asenna se uudelleen."
LangString Browsers ${LANG_SWEDISH} "Kortilla är installerat, men dina webbläsare känner inte till det. Installera det igen."

LangString Old ${LANG_ENGLISH} "Kortilla needs Windows 10 or 11."
LangString Old ${LANG_FINNISH} "Kortilla vaatii Windows 10:n tai 11:n."
LangString Old ${LANG_SWEDISH} "Kortilla kräver Windows 10 eller 11."
