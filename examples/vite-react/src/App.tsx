// SPDX-License-Identifier: MIT
import { KortillaError, kortilla } from "kortilla";
import type { Person } from "kortilla";
import "kortilla/react";
import { useEffect, useState } from "react";

/** Ask the service, which alone knows: the page can't read the session's cookie. */
async function whoIsLoggedIn(): Promise<Person | null> {
  const answer = await fetch("/api/me");
  if (!answer.ok) throw new Error(`/api/me: ${answer.status}`);
  return answer.json();
}

export function App() {
  const [person, setPerson] = useState<Person | null>(null);
  const [isKnown, setKnown] = useState(false);
  const [problem, setProblem] = useState("");

  useEffect(() => {
    whoIsLoggedIn()
      .then(setPerson)
      .catch(() => setProblem("Palveluun ei saatu yhteyttä. Lataa sivu uudelleen."))
      .finally(() => setKnown(true));
  }, []);

  async function logOut() {
    setProblem("");
    try {
      await kortilla.logout();
      setPerson(null);
    } catch (error) {
      if (!(error instanceof KortillaError)) throw error;
      setProblem(error.message);
    }
  }

  return (
    <main>
      <h1>Palvelu</h1>
      {isKnown && !person && (
        <kortilla-button
          help="/auth/static/help/fi.html"
          onkortilla-login={({ detail }) => setPerson(detail)}
        />
      )}
      {person && (
        <>
          <p id="person">
            Hei, {person.name} ({person.satu})!
          </p>
          <button id="logout" onClick={logOut}>
            Kirjaudu ulos
          </button>
        </>
      )}
      <p role="alert">{problem}</p>
    </main>
  );
}
