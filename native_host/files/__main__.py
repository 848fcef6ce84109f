# SPDX-License-Identifier: MIT
"""The process that signs own files: ``python -I -m native_host.files``."""

from native_host.platform.hardening import harden


def main() -> None:
    """Do what standard input says, as ``process`` describes it."""
    harden()
    from native_host.files.process import serve

    serve()


if __name__ == "__main__":
    main()
