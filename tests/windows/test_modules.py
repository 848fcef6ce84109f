# SPDX-License-Identifier: MIT
"""All of the program imports on Windows but what only Linux has."""

import json

from tests.windows.wine import Wine

#: What only Linux has: D-Bus and inotify, p11-kit's token, and the room's other side.
_OF_LINUX = {
    "native_host.agent.notification",
    "native_host.agent.package_watch",
    "native_host.pkcs11.connection",
    "native_host.pkcs11.control",
    "native_host.pkcs11.service",
    "native_host.pkcs11.session_watch",
    "native_host.platform.posix",
    "native_host.platform.posix_processes",
    "native_host.platform.posix_protection",
    "native_host.platform.posix_sockets",
}
_IMPORT_ALL = """
import importlib, json, pkgutil
tried, failed = 0, {}
for root in map(importlib.import_module, ("native_host", "kortilla")):
    for each in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
        if not each.name.endswith(".__main__"):  # it runs
            tried += 1
            try:
                importlib.import_module(each.name)
            except Exception as error:
                failed[each.name] = repr(error)
print(json.dumps([tried, failed]))
"""


def test_each_module_imports(wine: Wine) -> None:
    tried, failed = json.loads(wine.run("-I", "-c", _IMPORT_ALL).stdout)
    assert tried > 300
    assert {name: why for name, why in failed.items() if name not in _OF_LINUX} == {}
    assert failed.keys() == _OF_LINUX
