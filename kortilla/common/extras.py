# SPDX-License-Identifier: MIT
"""What is said where an extra is not installed.

It is apart from the commands' output, since the host imports it before each window, and
click would cost 12 ms there.
"""


def missing_words(name: str, extra: str = "") -> str:
    """Say that a module is missing, and how the extra that has it is installed.

    Kortilla is on no index of Python packages. Its sources are the way.
    """
    # Debian lets pip install programs only into virtual environments.
    program = "pipx" if extra.startswith("host") else "pip"
    place = f"'.[{extra}]'" if extra else "."
    return (
        f"{name} is missing. In the folder with Kortilla's sources, type: "
        f"{program} install {place}"
    )
