// SPDX-License-Identifier: MIT
/** The error texts for the person, by code. @type {Record<string, string>} */
export default {
  EXTENSION_MISSING:
    "Selaimessa ei ole Kortillan selainlaajennusta. Asenna Kortilla-ohjelma ja sen selainlaajennus ja yritä vielä kerran.",
  EXTENSION_UNAVAILABLE:
    "Selainlaajennus on päivitetty tai poistettu. Yritä vielä kerran.",
  BROWSER_UNSUPPORTED:
    "Kortilla ei toimi tässä selaimessa. Avaa palvelu tietokoneella Firefoxissa tai Chromiumissa tai siihen perustuvassa selaimessa ja yritä uudelleen.",
  HOST_MISSING:
    "Selainlaajennus on asennettu, mutta Kortilla-ohjelma puuttuu. Asenna Kortilla-ohjelma tälle tietokoneelle ja yritä uudelleen.",
  HOST_TOO_OLD:
    "Tietokoneen Kortilla-ohjelma on liian vanha. Päivitä se ja yritä uudelleen.",
  HOST_CRASHED:
    "Kortilla-ohjelma päättyi odottamatta. Yritä uudelleen. Jos virhe toistuu, asenna Kortilla-ohjelma uudelleen.",
  USER_CANCELLED: "Peruutit tunnistautumisen. Voit aloittaa sen uudelleen tällä sivulla.",
  REQUEST_CANCELLED:
    "Tunnistautuminen peruutettiin. Voit aloittaa sen uudelleen tällä sivulla.",
  REQUEST_EXPIRED:
    "Tunnistautuminen kesti yli viisi minuuttia, joten se keskeytyi. Yritä uudelleen.",
  BUSY:
    "Kortilla-ohjelma käsittelee jo toista pyyntöä. Vie se loppuun tai sulje avoinna oleva Kortillan ikkuna ja yritä uudelleen.",
  RATE_LIMITED: "Sinua pyydettiin tunnistautumaan juuri äsken. Odota minuutti ja yritä uudelleen.",
  ACTIVATION_REQUIRED: "Jatka painamalla sivulla olevaa painiketta.",
  NO_READER: "Kortinlukijaa ei löytynyt. Liitä kortinlukija tietokoneeseen ja yritä uudelleen.",
  NO_CARD:
    "Kortinlukijassa ei ollut korttia. Aseta henkilökorttisi kortinlukijaan ja yritä uudelleen.",
  PIN_BLOCKED:
    "Kortin perustunnusluku (PIN1) on lukkiutunut. Avaa lukitus Digi- ja väestötietoviraston (DVV) kortinlukijaohjelmistolla ja yritä sen jälkeen uudelleen. Tarvitset kirjeessä saamasi kahdeksannumeroisen aktivointitunnusluvun tai PUK-tunnusluvun.",
  WRONG_PIN: "Perustunnusluku (PIN1) oli väärä. Tarkista se ja yritä uudelleen.",
  CARD_REMOVED:
    "Kortti otettiin pois lukijasta liian aikaisin. Pidä kortti lukijassa koko ajan ja yritä uudelleen.",
  CARD_MUTE: "Kortti ei vastaa. Tarkista, että se on lukijassa oikein päin, ja yritä uudelleen.",
  CARD_BUSY: "Toinen ohjelma käyttää korttia. Sulje se ohjelma ja yritä uudelleen.",
  CARD_EXPIRED:
    "Kortin varmenne ei ole voimassa. Käytä korttia, jonka varmenne on voimassa. Uuden henkilökortin saat poliisilta.",
  CARD_NOT_ACTIVATED:
    "Korttia ei ole vielä aktivoitu. Aktivoi se Digi- ja väestötietoviraston (DVV) kortinlukijaohjelmistolla ja yritä sen jälkeen uudelleen. Tarvitset kirjeessä saamasi aktivointitunnusluvun.",
  WRONG_PUK: "PUK-tunnusluku oli väärä. Tarkista se ja yritä uudelleen.",
  PUK_BLOCKED:
    "Kortin PUK-tunnusluku on lukkiutunut, eikä kortin tunnuslukuja voi enää avata. Vain uusi kortti auttaa: uutta henkilökorttia haetaan poliisilta.",
  NEW_PIN_REFUSED:
    "Kortti ei hyväksynyt uutta tunnuslukua, ja entinen tunnusluku jäi voimaan. Valitse toinen tunnusluku ja yritä uudelleen.",
  ACTIVATION_MISMATCH:
    "Tämän kortin aktivointitunnusluvussa on eri määrä numeroita. Kortille ei lähetetty mitään. Tarkista, että kirje kuuluu tähän korttiin, ja yritä uudelleen.",
  ACTIVATION_BLOCKED:
    "Väärä aktivointitunnusluku on annettu liian monta kertaa, ja tunnusluku on lukkiutunut. Lukituksen voi avata PUK-tunnusluvulla, joka tilataan Digi- ja väestötietovirastosta (DVV).",
  OTHER_CARD:
    "Lukijaan asetettiin toinen kortti, eikä sille kirjoitettu mitään. Aseta ensimmäinen kortti takaisin lukijaan ja yritä uudelleen.",
  UNSUPPORTED_CARD:
    "Kortissa ei ole kansalaisvarmennetta, jota Kortilla-ohjelma osaa käyttää. Käytä voimassa olevaa suomalaista henkilökorttia ja yritä uudelleen.",
  CARD_ERROR:
    "Kortti vastasi odottamattomalla tavalla. Ota kortti pois lukijasta, aseta se takaisin ja yritä uudelleen.",
  PIN_TRIES_UNREADABLE:
    "Kortti ei kertonut, montako yritystä on jäljellä, joten tunnuslukua ei lähetetty. Ota kortti pois lukijasta, aseta se takaisin ja yritä uudelleen.",
  SIGNATURE_INVALID:
    "Kortin vastaus oli virheellinen, eikä sitä luovutettu palvelulle. Ota kortti pois lukijasta, aseta se takaisin ja yritä uudelleen.",
  PCSC_DENIED:
    "Tietokoneen kortinlukijapalvelu (pcscd) ei anna tämän istunnon käyttää kortinlukijoita. Näin on, kun tietokonetta käytetään etäyhteydellä, esimerkiksi SSH:lla. Käytä tietokonetta sen omalla näytöllä ja näppäimistöllä ja yritä uudelleen. Jos se ei auta, pyydä tietokoneen ylläpitäjältä lupa käyttää kortinlukijoita (polkit).",
  PCSC_UNAVAILABLE:
    "Tietokoneen kortinlukijapalvelu ei ole käynnissä. Käynnistä tietokone uudelleen ja yritä uudelleen. Jos se ei auta, pyydä apua tietokoneen ylläpitäjältä.",
  PROMPT_FAILED:
    "Kortillan ikkunaa ei voitu näyttää. Käynnistä selain uudelleen ja yritä vielä kerran.",
  CONFIG_BROKEN:
    "Kortilla-ohjelman asetuksissa on virhe. Korjaa asetustiedosto ja yritä uudelleen.",
  MOCK_CARD_BROKEN:
    "Testikortin tiedostossa on virhe. Tee uusi testikortti ja yritä uudelleen.",
  ORIGIN_REFUSED:
    "Kortilla-ohjelma ei hyväksy tämän sivun osoitetta. Tarkista, että osoite on oikea ja että sen alussa on https.",
  CONTEXT_INSECURE:
    "Yhteys tähän sivuun ei ole suojattu. Avaa sivu osoitteella, jonka alussa on https.",
  FRAME_REFUSED:
    "Tunnistautuminen ei onnistu toisen sivun sisällä. Avaa palvelu omaan välilehteensä.",
  CALLER_REFUSED:
    "Kortilla-ohjelma ei hyväksynyt selainlaajennusta. Asenna molemmat uudelleen samasta lähteestä.",
  INVALID_MESSAGE: "Sivun pyyntöä ei voitu ymmärtää. Lataa sivu uudelleen ja yritä vielä kerran.",
  INVALID_ARGUMENT: "Sivun pyyntöä ei voitu ymmärtää. Lataa sivu uudelleen ja yritä vielä kerran.",
  // For the developer of the page, after the text of INVALID_ARGUMENT.
  CROSS_ORIGIN_BASE:
    "Tunnistautumisen reittien osoite (base) on eri alkuperää kuin sivu: vain sama alkuperä käy (same origin only).",
  UNKNOWN_COMMAND:
    "Selainlaajennus on liian vanha tälle sivulle. Päivitä se ja yritä uudelleen.",
  NETWORK_FAILED:
    "Palveluun ei saatu yhteyttä. Tarkista internetyhteys ja yritä uudelleen.",
  SERVICE_FAILED: "Palvelussa on juuri nyt häiriö. Odota hetki ja yritä uudelleen.",
  INTERNAL:
    "Tapahtui odottamaton virhe. Yritä uudelleen. Jos virhe toistuu, käynnistä selain uudelleen.",
  CERTIFICATE_MISMATCH:
    "Kortinlukijassa oleva kortti ei ole se, jolla oli tarkoitus allekirjoittaa. Aseta oikea kortti kortinlukijaan ja yritä uudelleen.",
  KEY_MISSING:
    "Tällä kortilla ei voi tehdä sellaista allekirjoitusta, jota palvelu pyysi. Kerro asiasta palvelulle tai käytä toista korttia.",
  SIGNING_INTERRUPTED:
    "Allekirjoittaminen keskeytyi: osa allekirjoitettiin, loput eivät ole allekirjoitettuja. Aloita loppujen allekirjoittaminen uudelleen.",
  PIN_NOT_ENTERED:
    "Tunnuslukua ei näppäilty kortinlukijalla. Yritä uudelleen ja näppäile tunnusluku kortinlukijalla.",
  DOCUMENT_UNREADABLE:
    "Asiakirjaa ei voitu lukea. Sitä on ehkä muutettu, tai se on siirretty tai poistettu valitsemisen jälkeen. Valitse asiakirja uudelleen ja yritä vielä kerran.",
  // Signing, in place of those above.
  "sign.REQUEST_EXPIRED":
    "Allekirjoittaminen kesti liian kauan, joten se keskeytyi. Yritä uudelleen.",
  "sign.USER_CANCELLED":
    "Peruutit allekirjoittamisen. Voit aloittaa sen uudelleen tällä sivulla.",
  "sign.REQUEST_CANCELLED":
    "Allekirjoittaminen peruutettiin. Voit aloittaa sen uudelleen tällä sivulla.",
  "sign.RATE_LIMITED":
    "Sinua pyydettiin allekirjoittamaan juuri äsken. Odota minuutti ja yritä uudelleen.",
  "sign.PIN_BLOCKED":
    "Kortin allekirjoitustunnusluku (PIN2) on lukkiutunut. Avaa lukitus Digi- ja väestötietoviraston (DVV) kortinlukijaohjelmistolla ja yritä sen jälkeen uudelleen. Tarvitset kirjeessä saamasi kahdeksannumeroisen aktivointitunnusluvun tai PUK-tunnusluvun.",
  "sign.WRONG_PIN":
    "Allekirjoitustunnusluku (PIN2) oli väärä. Tarkista se ja yritä uudelleen.",
  "sign.FRAME_REFUSED":
    "Allekirjoittaminen ei onnistu toisen sivun sisällä. Avaa palvelu omaan välilehteensä.",
};
