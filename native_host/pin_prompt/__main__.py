# SPDX-License-Identifier: MIT
"""The window's process: ``python -I -m native_host.pin_prompt``.

With ``--render`` it shows nothing, and saves a picture of the window instead.
"""

import gc
import sys


def main() -> None:
    """Run until the host ends the conversation, or render one picture."""
    if sys.argv[1:]:
        _render()
        return
    # The start makes no garbage, and the search for it takes 20 ms. `run` switches the
    # collector on after the first picture.
    gc.disable()
    from native_host.pin_prompt.gui.application import run

    run()


def _render() -> None:
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="python -m native_host.pin_prompt")
    parser.add_argument("--render", required=True, type=Path, metavar="PNG")
    parser.add_argument("--text-scale", default=1.0, type=float)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--digits", default=0, type=int, help="dots in the PIN field")
    parser.add_argument("--codes", default="", help="1234567,2580,… in the fields")
    parser.add_argument("--open", type=int, metavar="N", help="show document N")
    arguments = parser.parse_args()

    from native_host.pin_prompt.gui.render import render

    render(
        arguments.render,
        text_scale=arguments.text_scale,
        dark=arguments.dark,
        digits=arguments.digits,
        document=arguments.open,
        codes=tuple(arguments.codes.split(",")),
    )


if __name__ == "__main__":
    main()
