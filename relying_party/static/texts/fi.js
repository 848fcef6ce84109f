// SPDX-License-Identifier: MIT
/** Mitä ihminen lukee, kun jokin on esteenä. @type {Record<string, string>} */
export default {
  EXTENSION_MISSING:
    "Selaimessa ei ole henkilökortin laajennusta. Asenna Kortilla ja sen selainlaajennus, avaa tämä sivu uudelleen ja yritä uudelleen.",
  EXTENSION_UNAVAILABLE:
    "Selainlaajennus on päivitetty tai poistettu. Lataa sivu uudelleen ja yritä uudelleen.",
  HOST_MISSING:
    "Selainlaajennus on asennettu, mutta Kortilla-ohjelma puuttuu. Asenna Kortilla tälle tietokoneelle ja yritä uudelleen.",
  HOST_TOO_OLD:
    "Tietokoneen Kortilla-ohjelma on liian vanha. Päivitä se ja yritä uudelleen.",
  HOST_CRASHED:
    "Kortilla-ohjelma päättyi odottamatta. Yritä uudelleen. Jos virhe toistuu, asenna Kortilla uudelleen.",
  USER_CANCELLED: "Peruutit tunnistautumisen. Voit yrittää uudelleen milloin tahansa.",
  REQUEST_CANCELLED:
    "Tunnistautuminen peruutettiin. Voit yrittää uudelleen milloin tahansa.",
  REQUEST_EXPIRED:
    "Aikaa kului yli viisi minuuttia, joten yritys päättyi. Yritä uudelleen.",
  BUSY: "Toinen pyyntö on jo auki. Vie se loppuun tai sulje Kortillan toinen ikkuna ja yritä uudelleen.",
  RATE_LIMITED: "Tämä sivu pyysi samaa juuri äsken. Odota minuutti ja yritä uudelleen.",
  ACTIVATION_REQUIRED: "Jatka painamalla sivulla olevaa painiketta.",
  NO_READER: "Kortinlukijaa ei löytynyt. Kytke kortinlukija ja yritä uudelleen.",
  NO_CARD:
    "Kortinlukijassa ei ollut korttia. Aseta henkilökorttisi kortinlukijaan ja yritä uudelleen.",
  PIN_BLOCKED:
    "Kortin perustunnusluku (PIN1) on lukkiutunut. Avaa lukitus PUK-tunnusluvulla ja yritä uudelleen.",
  WRONG_PIN: "Perustunnusluku (PIN1) oli väärä. Tarkista se ja yritä uudelleen.",
  CARD_REMOVED:
    "Kortti poistettiin liian aikaisin. Pidä kortti kortinlukijassa ja yritä uudelleen.",
  CARD_MUTE: "Kortti ei vastaa. Tarkista, että se on oikein päin, ja yritä uudelleen.",
  CARD_BUSY: "Toinen ohjelma käyttää korttia. Sulje se ohjelma ja yritä uudelleen.",
  CARD_EXPIRED:
    "Kortin varmenne ei ole voimassa. Käytä korttia, jonka varmenne on voimassa.",
  CARD_NOT_ACTIVATED:
    "Kortin tunnuslukuja ei ole vielä asetettu. Aktivoi kortti kirjeen aktivointitunnusluvulla ja yritä uudelleen.",
  UNSUPPORTED_CARD:
    "Kortilla ei ole kansalaisvarmennetta. Käytä suomalaista henkilökorttia ja yritä uudelleen.",
  CARD_ERROR:
    "Kortti vastasi odottamattomalla tavalla. Ota kortti pois, aseta se takaisin ja yritä uudelleen.",
  PIN_TRIES_UNREADABLE:
    "Kortti ei kerro, montako yritystä on jäljellä, joten tunnuslukua ei lähetetty. Ota kortti pois, aseta se takaisin ja yritä uudelleen.",
  SIGNATURE_INVALID:
    "Kortin vastaus oli virheellinen, eikä sitä luovutettu. Ota kortti pois, aseta se takaisin ja yritä uudelleen.",
  PCSC_UNAVAILABLE:
    "Tietokoneen älykorttipalvelu ei ole käynnissä. Käynnistä tietokone uudelleen tai kysy sen ylläpitäjältä ja yritä uudelleen.",
  PROMPT_FAILED:
    "Tunnuslukuikkunaa ei voitu näyttää. Käynnistä selain uudelleen ja yritä uudelleen.",
  CONFIG_BROKEN:
    "Kortilla-ohjelman asetuksissa on virhe. Korjaa asetustiedosto ja yritä uudelleen.",
  MOCK_CARD_BROKEN:
    "Testikortin tiedostossa on virhe. Tee uusi testikortti ja yritä uudelleen.",
  ORIGIN_REFUSED:
    "Kortilla ei hyväksy tämän sivun osoitetta. Tarkista, että osoite on oikea ja alkaa https.",
  CONTEXT_INSECURE:
    "Yhteys tähän sivuun ei ole suojattu. Avaa sivu osoitteella, joka alkaa https.",
  FRAME_REFUSED:
    "Tunnistautuminen ei onnistu toisen sivun sisällä. Avaa palvelu omaan välilehteensä.",
  CALLER_REFUSED:
    "Kortilla-ohjelma ei hyväksynyt selainlaajennusta. Asenna molemmat uudelleen samasta lähteestä.",
  INVALID_MESSAGE:
    "Sivun pyyntöä ei voitu ymmärtää. Lataa sivu uudelleen ja yritä uudelleen.",
  INVALID_ARGUMENT:
    "Sivun pyyntöä ei voitu ymmärtää. Lataa sivu uudelleen ja yritä uudelleen.",
  UNKNOWN_COMMAND:
    "Selainlaajennus on liian vanha tälle sivulle. Päivitä se ja yritä uudelleen.",
  NETWORK_FAILED:
    "Palveluun ei saatu yhteyttä. Tarkista internetyhteys ja yritä uudelleen.",
  SERVICE_FAILED: "Palvelussa on juuri nyt häiriö. Odota hetki ja yritä uudelleen.",
  INTERNAL:
    "Tapahtui odottamaton virhe. Yritä uudelleen. Jos virhe toistuu, käynnistä selain uudelleen.",
};
