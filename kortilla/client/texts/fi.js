// SPDX-License-Identifier: MIT
/** The error texts for the person, by code. @type {Record<string, string>} */
export default {
  EXTENSION_MISSING:
    "Selaimessa ei ole Kortilla-laajennusta. Asenna Kortilla-ohjelma ja sen selainlaajennus ja yritä uudelleen.",
  EXTENSION_UNAVAILABLE: "Selainlaajennus on päivitetty tai poistettu. Yritä uudelleen.",
  BROWSER_UNSUPPORTED:
    "Kortilla-ohjelma ei toimi tässä selaimessa. Avaa palvelu tietokoneella Firefoxissa tai Chromiumissa tai siihen perustuvassa selaimessa ja yritä uudelleen.",
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
    "Perustunnusluku (PIN1) on lukkiutunut. Paina selaimessa Kortilla-laajennuksen painiketta ja valitse Avaa PIN1:n lukitus. Tarvitset PUK-tunnusluvun.",
  WRONG_PIN: "Perustunnusluku (PIN1) oli väärä. Tarkista se ja yritä uudelleen.",
  CARD_REMOVED:
    "Kortti otettiin pois lukijasta liian aikaisin. Pidä kortti lukijassa koko ajan ja yritä uudelleen.",
  CARD_RESET:
    "Yhteys korttiin katkesi. Ota kortti pois lukijasta, aseta se takaisin ja yritä uudelleen.",
  CARD_MUTE: "Kortti ei vastaa. Tarkista, että se on lukijassa oikein päin, ja yritä uudelleen.",
  CARD_BUSY: "Toinen ohjelma käyttää korttia. Sulje se ohjelma ja yritä uudelleen.",
  CARD_EXPIRED:
    "Kortin varmenne ei ole voimassa. Käytä korttia, jonka varmenne on voimassa. Hae uusi henkilökortti poliisilta.",
  CARD_NOT_ACTIVATED:
    "Korttia ei ole vielä aktivoitu. Paina selaimessa Kortilla-laajennuksen painiketta ja valitse Aktivoi kortti. Tarvitset kirjeen, jossa on aktivointitunnusluku.",
  WRONG_PUK: "PUK-tunnusluku oli väärä. Tarkista se ja yritä uudelleen.",
  PUK_BLOCKED:
    "Kortin PUK-tunnusluku on lukkiutunut, eikä kortin tunnuslukuja voi enää avata. Vain uusi kortti auttaa. Hae uusi henkilökortti poliisilta.",
  NEW_PIN_REFUSED:
    "Kortti ei hyväksynyt uutta tunnuslukua. Tunnusluku ei vaihtunut. Valitse toinen tunnusluku ja yritä uudelleen.",
  ACTIVATION_MISMATCH:
    "Tämän kortin aktivointitunnusluvussa on eri määrä numeroita. Kortille ei lähetetty mitään. Tarkista, että kirje kuuluu tähän korttiin, ja yritä uudelleen.",
  ACTIVATION_BLOCKED:
    "Väärä aktivointitunnusluku on annettu liian monta kertaa. Tilaa PUK-tunnusluku Digi- ja väestötietovirastosta (DVV). Kun olet saanut sen, paina selaimessa Kortilla-laajennuksen painiketta ja avaa lukitus.",
  OTHER_CARD:
    "Lukijaan asetettiin toinen kortti. Sille ei kirjoitettu mitään. Aseta ensimmäinen kortti takaisin lukijaan ja yritä uudelleen.",
  UNSUPPORTED_CARD:
    "Kortissa ei ole kansalaisvarmennetta, jota Kortilla-ohjelma osaa käyttää. Käytä voimassa olevaa suomalaista henkilökorttia ja yritä uudelleen.",
  CARD_ERROR:
    "Kortti vastasi odottamattomalla tavalla. Ota kortti pois lukijasta, aseta se takaisin ja yritä uudelleen.",
  PIN_TRIES_UNREADABLE:
    "Jäljellä olevien yritysten määrää ei voitu lukea, joten tunnuslukua ei lähetetty. Ota kortti pois lukijasta, aseta se takaisin ja yritä uudelleen.",
  SIGNATURE_INVALID:
    "Kortin vastaus oli virheellinen, eikä sitä luovutettu palvelulle. Ota kortti pois lukijasta, aseta se takaisin ja yritä uudelleen.",
  PCSC_DENIED:
    "Tietokone ei anna sinun käyttää kortinlukijoita. Näin on, kun tietokonetta käytetään etäyhteydellä. Käytä tietokonetta sen omalla näytöllä ja näppäimistöllä ja yritä uudelleen. Jos se ei auta, pyydä apua henkilöltä, joka asensi Kortilla-ohjelman.",
  PCSC_UNAVAILABLE:
    "Tietokoneen kortinlukijapalvelu ei ole käynnissä. Käynnistä tietokone uudelleen ja yritä uudelleen. Jos se ei auta, pyydä apua henkilöltä, joka asensi Kortilla-ohjelman.",
  PROMPT_FAILED:
    "Kortillan ikkunaa ei voitu näyttää. Käynnistä selain uudelleen ja yritä uudelleen.",
  CONFIG_BROKEN:
    "Kortilla-ohjelman asetuksissa on virhe. Pyydä apua henkilöltä, joka muutti asetuksia.",
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
  INVALID_MESSAGE: "Sivun pyyntöä ei voitu ymmärtää. Lataa sivu uudelleen ja yritä uudelleen.",
  INVALID_ARGUMENT: "Sivun pyyntöä ei voitu ymmärtää. Lataa sivu uudelleen ja yritä uudelleen.",
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
    "Kortinlukijassa ei ole se kortti, jolla oli tarkoitus allekirjoittaa. Aseta oikea kortti kortinlukijaan ja yritä uudelleen.",
  KEY_MISSING:
    "Tämä kortti ei osaa tehdä allekirjoitusta, jota palvelu pyysi. Kerro asiasta palvelulle tai käytä toista korttia.",
  SIGNING_INTERRUPTED:
    "Allekirjoittaminen jäi kesken. Osa allekirjoituksista tehtiin, muut jäivät tekemättä. Aloita puuttuvien allekirjoittaminen uudelleen.",
  PIN_NOT_ENTERED:
    "Tunnuslukua ei näppäilty kortinlukijalla. Yritä uudelleen ja näppäile tunnusluku kortinlukijalla.",
  DOCUMENT_UNREADABLE:
    "Asiakirjaa ei voitu lukea. Sitä on ehkä muutettu, tai se on siirretty tai poistettu valitsemisen jälkeen. Valitse asiakirja uudelleen ja yritä uudelleen.",
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
    "Allekirjoitustunnusluku (PIN2) on lukkiutunut. Paina selaimessa Kortilla-laajennuksen painiketta ja valitse Avaa PIN2:n lukitus. Tarvitset PUK-tunnusluvun.",
  "sign.WRONG_PIN":
    "Allekirjoitustunnusluku (PIN2) oli väärä. Tarkista se ja yritä uudelleen.",
  "sign.FRAME_REFUSED":
    "Allekirjoittaminen ei onnistu toisen sivun sisällä. Avaa palvelu omaan välilehteensä.",
  "logout.REQUEST_CANCELLED":
    "Pyyntö peruutettiin. Istuntosi palvelussa voi olla yhä auki.",
  "logout.NETWORK_FAILED":
    "Palveluun ei saatu yhteyttä, joten istuntosi siellä voi olla yhä auki. Tarkista internetyhteys ja kirjaudu ulos uudelleen.",
  "logout.SERVICE_FAILED":
    "Palvelussa on juuri nyt häiriö, joten istuntosi siellä voi olla yhä auki. Odota hetki ja kirjaudu ulos uudelleen.",
  "logout.STORE_UNAVAILABLE":
    "Palvelussa on juuri nyt häiriö, joten istuntosi siellä on yhä auki. Odota hetki ja kirjaudu ulos uudelleen.",
};
