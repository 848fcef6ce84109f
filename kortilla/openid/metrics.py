# SPDX-License-Identifier: MIT
"""The provider's metrics for Prometheus, on a port of their own."""

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, start_http_server

from kortilla.errors import ConfigurationError
from kortilla.prometheus import Metrics
from kortilla.web.login import LoginService

__all__ = ["metrics_served"]


@contextlib.contextmanager
def metrics_served(service: LoginService, host: str, port: int) -> Iterator[str]:
    """Serve ``/metrics`` in a thread during the context; gives its address.

    The port is not the logins', so that no proxy shows the figures to everybody.
    ``port`` 0 is any. Raises ``ConfigurationError`` if it can't listen there.
    """
    registry = CollectorRegistry()
    Metrics(service, registry=registry)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigurationError(
            f"server.metrics_port: {host}:{port}: {error.strerror}."
        ) from None
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
