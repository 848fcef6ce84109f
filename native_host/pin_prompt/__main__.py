# SPDX-License-Identifier: MIT
"""The window's process: ``python -I -m native_host.pin_prompt``."""

import gc

from native_host.platform.hardening import harden


def main() -> None:
    """Run until the host ends the conversation."""
    harden()
    # The start makes no garbage, and the search for it takes 20 ms. `run` switches the
    # collector on after the first picture.
    gc.disable()
    from native_host.pin_prompt.gui.application import run

    run()


if __name__ == "__main__":
    main()
