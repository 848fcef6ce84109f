# SPDX-License-Identifier: MIT
"""A demo e-service with card login.

``create_demo`` creates the application, ``DemoServer`` runs it on this computer.
"""

from tools.demo.site.app import create_demo
from tools.demo.site.server import DemoServer

__all__ = ["DemoServer", "create_demo"]
