// SPDX-License-Identifier: MIT
/** The error texts for the person, by code. @type {Record<string, string>} */
export default {
  EXTENSION_MISSING:
    "I webbläsaren finns inte tillägget Kortilla. Installera programmet Kortilla och dess webbläsartillägg och försök igen.",
  EXTENSION_UNAVAILABLE: "Webbläsartillägget har uppdaterats eller tagits bort. Försök igen.",
  BROWSER_UNSUPPORTED:
    "Programmet Kortilla fungerar inte i den här webbläsaren. Öppna tjänsten på en dator i Firefox, i Chromium eller i en webbläsare som bygger på Chromium, och försök igen.",
  HOST_MISSING:
    "Webbläsartillägget är installerat, men programmet Kortilla saknas. Installera programmet Kortilla på den här datorn och försök igen.",
  HOST_TOO_OLD:
    "Programmet Kortilla på den här datorn är för gammalt. Uppdatera det och försök igen.",
  HOST_CRASHED:
    "Programmet Kortilla avslutades oväntat. Försök igen. Om felet upprepas, installera om programmet Kortilla.",
  USER_CANCELLED: "Du avbröt identifieringen. Du kan börja om på den här sidan.",
  REQUEST_CANCELLED: "Identifieringen avbröts. Du kan börja om på den här sidan.",
  REQUEST_EXPIRED: "Identifieringen tog mer än fem minuter, så den avbröts. Försök igen.",
  BUSY:
    "Programmet Kortilla behandlar redan en annan begäran. Slutför den eller stäng Kortillas öppna fönster och försök igen.",
  RATE_LIMITED: "Du blev ombedd att identifiera dig alldeles nyss. Vänta en minut och försök igen.",
  ACTIVATION_REQUIRED: "Tryck på knappen på sidan för att fortsätta.",
  NO_READER: "Ingen kortläsare hittades. Anslut kortläsaren till datorn och försök igen.",
  NO_CARD:
    "Det fanns inget kort i kortläsaren. Sätt ditt identitetskort i kortläsaren och försök igen.",
  PIN_BLOCKED:
    "Den grundläggande koden (PIN1) är låst. Tryck på knappen för tillägget Kortilla i webbläsaren och välj Lås upp PIN1. Du behöver PUK-koden.",
  WRONG_PIN: "Den grundläggande koden (PIN1) var fel. Kontrollera den och försök igen.",
  CARD_REMOVED:
    "Kortet togs ut ur läsaren för tidigt. Låt kortet sitta kvar i läsaren hela tiden och försök igen.",
  CARD_RESET:
    "Förbindelsen till kortet bröts. Ta ut kortet ur läsaren, sätt i det igen och försök igen.",
  CARD_MUTE: "Kortet svarar inte. Kontrollera att det är rättvänt i läsaren och försök igen.",
  CARD_BUSY: "Ett annat program använder kortet. Stäng det programmet och försök igen.",
  CARD_EXPIRED:
    "Kortets certifikat är inte giltigt. Använd ett kort med ett giltigt certifikat. Ansök om ett nytt identitetskort hos polisen.",
  CARD_NOT_ACTIVATED:
    "Kortet har ännu inte aktiverats. Tryck på knappen för tillägget Kortilla i webbläsaren och välj Aktivera kortet. Du behöver brevet med aktiveringskoden.",
  WRONG_PUK: "PUK-koden var fel. Kontrollera den och försök igen.",
  PUK_BLOCKED:
    "Kortets PUK-kod är låst, och kortets koder kan inte längre låsas upp. Du behöver ett nytt kort. Ansök om ett nytt identitetskort hos polisen.",
  NEW_PIN_REFUSED:
    "Kortet godkände inte den nya koden. Koden ändrades inte. Välj en annan kod och försök igen.",
  ACTIVATION_MISMATCH:
    "Det här kortets aktiveringskod har ett annat antal siffror. Ingenting skickades till kortet. Kontrollera att brevet hör till det här kortet och försök igen.",
  ACTIVATION_BLOCKED:
    "Fel aktiveringskod har angetts för många gånger. Beställ en PUK-kod hos Myndigheten för digitalisering och befolkningsdata (MDB). När du har fått den, tryck på knappen för tillägget Kortilla i webbläsaren och lås upp koden.",
  OTHER_CARD:
    "Ett annat kort sattes i läsaren. Ingenting skrevs på det. Sätt tillbaka det första kortet i läsaren och försök igen.",
  UNSUPPORTED_CARD:
    "Kortet har inget medborgarcertifikat som programmet Kortilla kan använda. Använd ett giltigt finländskt identitetskort och försök igen.",
  CARD_ERROR:
    "Kortet svarade på ett oväntat sätt. Ta ut kortet ur läsaren, sätt tillbaka det och försök igen.",
  PIN_TRIES_UNREADABLE:
    "Det gick inte att läsa hur många försök som är kvar, så ingen kod skickades. Ta ut kortet ur läsaren, sätt tillbaka det och försök igen.",
  SIGNATURE_INVALID:
    "Kortets svar var felaktigt och lämnades inte ut till tjänsten. Ta ut kortet ur läsaren, sätt tillbaka det och försök igen.",
  PCSC_DENIED:
    "Datorn låter dig inte använda kortläsarna. Så är det när datorn används på distans. Använd datorn vid dess egen skärm och tangentbord och försök igen. Om det inte hjälper, be den som installerade programmet Kortilla om hjälp.",
  PCSC_UNAVAILABLE:
    "Datorns kortläsartjänst är inte i gång. Starta om datorn och försök igen. Om det inte hjälper, be den som installerade programmet Kortilla om hjälp.",
  PROMPT_FAILED: "Kortillas fönster kunde inte visas. Starta om webbläsaren och försök igen.",
  CONFIG_BROKEN:
    "Det finns ett fel i inställningarna för programmet Kortilla. Be den som ändrade inställningarna om hjälp.",
  MOCK_CARD_BROKEN:
    "Det finns ett fel i testkortets fil. Gör ett nytt testkort och försök igen.",
  ORIGIN_REFUSED:
    "Programmet Kortilla godkänner inte sidans adress. Kontrollera att adressen är rätt och börjar med https.",
  CONTEXT_INSECURE:
    "Förbindelsen till sidan är inte skyddad. Öppna sidan med en adress som börjar med https.",
  FRAME_REFUSED:
    "Det går inte att identifiera sig inne i en annan sida. Öppna tjänsten i en egen flik.",
  CALLER_REFUSED:
    "Programmet Kortilla godkände inte webbläsartillägget. Installera om båda från samma källa.",
  INVALID_MESSAGE: "Sidans begäran kunde inte förstås. Ladda om sidan och försök igen.",
  INVALID_ARGUMENT: "Sidans begäran kunde inte förstås. Ladda om sidan och försök igen.",
  // For the developer of the page, after the text of INVALID_ARGUMENT.
  CROSS_ORIGIN_BASE:
    "Adressen till identifieringens vägar (base) har ett annat ursprung än sidan: bara samma ursprung går (same origin only).",
  UNKNOWN_COMMAND:
    "Webbläsartillägget är för gammalt för den här sidan. Uppdatera tillägget och försök igen.",
  NETWORK_FAILED:
    "Tjänsten kunde inte nås. Kontrollera internetanslutningen och försök igen.",
  SERVICE_FAILED: "Tjänsten har ett fel just nu. Vänta en stund och försök igen.",
  INTERNAL:
    "Något oväntat gick fel. Försök igen. Om felet upprepas, starta om webbläsaren.",
  CERTIFICATE_MISMATCH:
    "Kortet i kortläsaren är inte det som skulle användas för att underteckna. Sätt rätt kort i kortläsaren och försök igen.",
  KEY_MISSING:
    "Det här kortet kan inte göra den underskrift som tjänsten bad om. Berätta om saken för tjänsten, eller använd ett annat kort.",
  SIGNING_INTERRUPTED:
    "Undertecknandet avbröts. En del av underskrifterna gjordes, de övriga gjordes inte. Börja om med dem som saknas.",
  PIN_NOT_ENTERED:
    "Ingen kod skrevs in med kortläsarens knappar. Försök igen och skriv in koden på kortläsaren.",
  DOCUMENT_UNREADABLE:
    "Ett dokument kunde inte läsas. Det kan ha ändrats, flyttats eller tagits bort efter att det valdes. Välj dokumentet igen och försök igen.",
  // Signing, in place of those above.
  "sign.REQUEST_EXPIRED":
    "Undertecknandet tog för lång tid, så det avbröts. Försök igen.",
  "sign.USER_CANCELLED": "Du avbröt undertecknandet. Du kan börja om på den här sidan.",
  "sign.REQUEST_CANCELLED": "Undertecknandet avbröts. Du kan börja om på den här sidan.",
  "sign.RATE_LIMITED":
    "Du blev ombedd att underteckna alldeles nyss. Vänta en minut och försök igen.",
  "sign.PIN_BLOCKED":
    "Signaturkoden (PIN2) är låst. Tryck på knappen för tillägget Kortilla i webbläsaren och välj Lås upp PIN2. Du behöver PUK-koden.",
  "sign.WRONG_PIN": "Signaturkoden (PIN2) var fel. Kontrollera den och försök igen.",
  "sign.FRAME_REFUSED":
    "Det går inte att underteckna inne i en annan sida. Öppna tjänsten i en egen flik.",
  "logout.REQUEST_CANCELLED":
    "Begäran avbröts. Din session i tjänsten kan fortfarande vara öppen.",
  "logout.NETWORK_FAILED":
    "Tjänsten kunde inte nås, så din session där kan fortfarande vara öppen. Kontrollera internetanslutningen och logga ut igen.",
  "logout.SERVICE_FAILED":
    "Tjänsten har ett fel just nu, så din session där kan fortfarande vara öppen. Vänta en stund och logga ut igen.",
  "logout.STORE_UNAVAILABLE":
    "Tjänsten har ett fel just nu, så din session där är fortfarande öppen. Vänta en stund och logga ut igen.",
};
