# SPDX-License-Identifier: MIT
"""Replaces the PIN window: answers from a script and logs all messages.

``python scripted_prompt.py LOG ANSWER…``: each question takes the next answer: digits,
``agree``, ``cancel``, ``die``, or ``wait`` to give no answer. Commas separate several
codes. Without a click the first question is ``ask-started``, which takes ``started`` or
one of the other answers. A window that explains a failure, asks for another card, or
shows the result for the card's PINs takes an answer too.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


def main(log: Path, answers: list[str]) -> None:
    """Answer messages until the input ends."""
    log.with_suffix(".pid").write_text(str(os.getpid()))
    operation = ""
    with log.open("a", buffering=1) as file:
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
                case "show" if message["step"] == "failed" or is_other_card(message):
                    answer(answers.pop(0), 0)
                case "close":
                    break
        file.write('{"type": "gone"}\n')


def is_other_card(message: dict[str, Any]) -> bool:
    """Whether the window asks for the card of another certificate."""
    return (message["problem"] or {}).get("code") == "CERTIFICATE_MISMATCH"


def answer(word: str, number: int) -> None:
    """Answer one question."""
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
    main(Path(sys.argv[1]), sys.argv[2:])
