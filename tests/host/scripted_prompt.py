# SPDX-License-Identifier: MIT
"""Replaces the PIN window: answers from a script and logs all messages.

``python scripted_prompt.py LOG ANSWER…``: each question takes the next answer: digits,
``agree``, ``cancel``, ``die``, or ``wait`` to give no answer. Commas separate several
codes. Without a click the first question is ``ask-started``, which takes ``started`` or
one of the other answers. A window that explains a failure, asks for another card, or
shows the result for the card's PINs takes an answer too.

It starts several hundred times in a run, so it imports little.
"""

import json
import os
import sys
from io import TextIOWrapper


def main(log: str, answers: list[str]) -> None:
    with appended(f"{log}.pid") as file:
        file.truncate(0)
        file.write(str(os.getpid()))
    operation = ""
    with appended(log) as file:
        for line in sys.stdin:
            message = json.loads(line)
            file.write(line)
            match message["type"]:
                case "open":
                    operation = message["conversation"]["operation"]
                    say({"type": "visible"})
                case "ask-started":
                    answer(answers.pop(0), 0)
                case "ask-pin" | "ask-consent" | "ask-codes" | "offer-activation":
                    answer(answers.pop(0), message["number"])
                case "show" if message["step"] == "done":
                    if operation in {"activate", "change-pin", "unblock"}:
                        answer(answers.pop(0), 0)
                case "show" if message["step"] == "failed":
                    answer(answers.pop(0), 0)
                case "show" if is_other_card(message["problem"]):
                    answer(answers.pop(0), 0)
                case "close":
                    break
        file.write('{"type": "gone"}\n')


def appended(name: str) -> TextIOWrapper:
    """Open a text file to append lines, without the import of ``pathlib``."""
    descriptor = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return os.fdopen(descriptor, "w", buffering=1)


def is_other_card(problem: dict[str, object] | None) -> bool:
    """Whether the window asks for the card of another certificate."""
    return (problem or {}).get("code") == "CERTIFICATE_MISMATCH"


def answer(word: str, number: int) -> None:
    if word == "die":
        os._exit(7)
    if word in {"cancel", "started"}:
        say({"type": word})
    elif word == "agree":
        say({"type": "agreed", "number": number})
    elif "," in word:
        say({"type": "codes", "number": number, "values": word.split(",")})
    elif word != "wait":
        say({"type": "pin", "number": number, "digits": word})


def say(message: dict[str, object]) -> None:
    """Write one line to the host."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
