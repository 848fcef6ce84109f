// SPDX-License-Identifier: MIT
/** Vad en människa läser när något är i vägen. @type {Record<string, string>} */
export default {
  EXTENSION_MISSING:
    "Webbläsaren har inget tillägg för identitetskortet. Installera Kortilla och dess webbläsartillägg, öppna sidan på nytt och försök igen.",
  EXTENSION_UNAVAILABLE:
    "Webbläsartillägget har uppdaterats eller tagits bort. Ladda om sidan och försök igen.",
  HOST_MISSING:
    "Webbläsartillägget finns, men programmet Kortilla saknas. Installera Kortilla på den här datorn och försök igen.",
  HOST_TOO_OLD:
    "Programmet Kortilla på den här datorn är för gammalt. Uppdatera det och försök igen.",
  HOST_CRASHED:
    "Programmet Kortilla avslutades oväntat. Försök igen. Om felet upprepas, installera Kortilla på nytt.",
  USER_CANCELLED: "Du avbröt identifieringen. Du kan försöka igen när som helst.",
  REQUEST_CANCELLED: "Identifieringen avbröts. Du kan försöka igen när som helst.",
  REQUEST_EXPIRED: "Det gick mer än fem minuter, så försöket avslutades. Försök igen.",
  BUSY: "En annan begäran är redan öppen. Slutför den eller stäng Kortillas andra fönster och försök igen.",
  RATE_LIMITED: "Sidan frågade alldeles nyss. Vänta en minut och försök igen.",
  ACTIVATION_REQUIRED: "Tryck på knappen på sidan för att fortsätta.",
  NO_READER: "Ingen kortläsare hittades. Anslut kortläsaren och försök igen.",
  NO_CARD:
    "Det fanns inget kort i kortläsaren. Sätt ditt identitetskort i kortläsaren och försök igen.",
  PIN_BLOCKED:
    "Kortets grundläggande kod (PIN1) är låst. Lås upp den med PUK-koden och försök igen.",
  WRONG_PIN: "Den grundläggande koden (PIN1) var fel. Kontrollera den och försök igen.",
  CARD_REMOVED:
    "Kortet togs ut för tidigt. Låt kortet vara kvar i kortläsaren och försök igen.",
  CARD_MUTE:
    "Kortet svarar inte. Kontrollera att det är vänt åt rätt håll och försök igen.",
  CARD_BUSY: "Ett annat program använder kortet. Stäng det programmet och försök igen.",
  CARD_EXPIRED:
    "Kortets certifikat är inte giltigt. Använd ett kort med ett giltigt certifikat.",
  CARD_NOT_ACTIVATED:
    "Kortets koder har inte valts ännu. Aktivera kortet med aktiveringskoden i brevet och försök igen.",
  UNSUPPORTED_CARD:
    "Kortet har inget medborgarcertifikat. Använd ett finländskt identitetskort och försök igen.",
  CARD_ERROR:
    "Kortet svarade på ett oväntat sätt. Ta ut kortet, sätt tillbaka det och försök igen.",
  PIN_TRIES_UNREADABLE:
    "Kortet berättar inte hur många försök som återstår, så ingen kod skickades. Ta ut kortet, sätt tillbaka det och försök igen.",
  SIGNATURE_INVALID:
    "Kortets svar var felaktigt och lämnades inte ut. Ta ut kortet, sätt tillbaka det och försök igen.",
  PCSC_UNAVAILABLE:
    "Datorns smartkortstjänst är inte i gång. Starta om datorn, eller fråga den som sköter den, och försök igen.",
  PROMPT_FAILED:
    "Kodfönstret kunde inte visas. Starta om webbläsaren och försök igen.",
  CONFIG_BROKEN:
    "Det finns ett fel i inställningarna för programmet Kortilla. Rätta inställningsfilen och försök igen.",
  MOCK_CARD_BROKEN:
    "Det finns ett fel i testkortets fil. Gör ett nytt testkort och försök igen.",
  ORIGIN_REFUSED:
    "Kortilla godkänner inte sidans adress. Kontrollera att adressen är rätt och börjar med https.",
  CONTEXT_INSECURE:
    "Förbindelsen till sidan är inte skyddad. Öppna sidan med en adress som börjar med https.",
  FRAME_REFUSED:
    "Det går inte att identifiera sig inne i en annan sida. Öppna tjänsten i en egen flik.",
  CALLER_REFUSED:
    "Programmet Kortilla godkände inte webbläsartillägget. Installera båda på nytt från samma källa.",
  INVALID_MESSAGE:
    "Sidans begäran kunde inte förstås. Ladda om sidan och försök igen.",
  INVALID_ARGUMENT:
    "Sidans begäran kunde inte förstås. Ladda om sidan och försök igen.",
  UNKNOWN_COMMAND:
    "Webbläsartillägget är för gammalt för den här sidan. Uppdatera det och försök igen.",
  NETWORK_FAILED:
    "Tjänsten kunde inte nås. Kontrollera internetanslutningen och försök igen.",
  SERVICE_FAILED: "Tjänsten har ett fel just nu. Vänta en stund och försök igen.",
  INTERNAL:
    "Något oväntat gick fel. Försök igen. Om felet upprepas, starta om webbläsaren.",
};
