# SPDX-License-Identifier: MIT
"""Metrics by client and endpoint, and the dashboard that shows them."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kortilla.openid import RequestMetrics
from kortilla.openid.protocol.metrics import endpoint
from kortilla.prometheus import Metrics
from tests.openid.conftest import MakeOP
from tests.openid.provider import Browser, LocalOP, basic

DASHBOARD = Path(__file__).parents[2] / "packaging" / "openid" / "grafana.json"


@pytest.fixture
def measured(make_op: MakeOP) -> tuple[LocalOP, CollectorRegistry]:
    op, registry = make_op(), CollectorRegistry()
    Metrics(op.provider.service, registry=registry)
    op.provider.request_hooks.append(RequestMetrics(registry))
    return op, registry


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a metric by the values of its labels, in order of names."""
    return {
        tuple(each.labels[label] for label in sorted(each.labels)): each.value
        for metric in registry.collect()
        for each in metric.samples
        if each.name == name
    }


async def test_requests_and_logins_are_counted_by_client(
    measured: tuple[LocalOP, CollectorRegistry],
) -> None:
    op, registry = measured
    code, verifier = await op.code()
    wrong = basic(secret="w" * 43)
    assert (await op.token(code, verifier, authorization=wrong)).status == 401
    tokens = (await op.token(code, verifier)).json
    await op.userinfo(tokens["access_token"])
    browser = Browser(op)
    await browser.submit(f"{await browser.page()}/cancel")
    await browser.authorize(prompt="none")
    await browser.authorize(client_id="SPECIMEN-nobody")
    await op.send("GET", "/99955512B/token")
    await op.provider.close()
    counted = samples(registry, "kortilla_openid_requests_total")
    assert counted == {
        ("shop", "authorize", "ok"): 2,
        ("shop", "authorize", "login_required"): 1,
        ("", "authorize", "invalid_request"): 1,
        ("shop", "login/…/challenge", "ok"): 1,
        ("shop", "login/…/login", "ok"): 1,
        ("shop", "login/…/done", "ok"): 1,
        ("shop", "login/…/cancel", "access_denied"): 1,
        ("shop", "token", "invalid_client"): 1,
        ("shop", "token", "ok"): 1,
        ("shop", "userinfo", "ok"): 1,
        ("", "another path", "404"): 1,
    }
    logins = samples(registry, "kortilla_openid_logins_total")
    assert logins == {("shop", "card"): 1, ("shop", "cancelled"): 1}
    seconds = samples(registry, "kortilla_openid_request_seconds_count")
    assert seconds[("token",)] == 2


@pytest.mark.parametrize(
    "path", ["/SECRET", "/login/SECRET", "/login/" + "x" * 43 + "/SECRET", "//token"]
)
def test_no_label_has_what_a_browser_chose(path: str) -> None:
    assert endpoint(path) == "another path"


async def test_an_error_that_nobody_foresaw_is_counted(
    measured: tuple[LocalOP, CollectorRegistry], monkeypatch: pytest.MonkeyPatch
) -> None:
    op, registry = measured

    async def broken(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(op.provider, "_dispatch", broken)
    with pytest.raises(OSError):
        await op.send("GET", "/jwks")
    counted = samples(registry, "kortilla_openid_requests_total")
    assert counted == {("", "jwks", "500"): 1}


async def test_the_dashboard_shows_metrics_and_labels_that_there_are(
    make_op: MakeOP,
) -> None:
    registry = CollectorRegistry()
    op = make_op(revocation={"by": "both"})
    Metrics(op.provider.service, registry=registry)
    RequestMetrics(registry)
    text = generate_latest(registry).decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)", text, re.MULTILINE))
    names = {
        f"{name}_bucket" if kind == "histogram" else name
        for name, kind in types.items()
    }
    dashboard = json.loads(DASHBOARD.read_text())
    shown = set()
    for panel in dashboard["panels"]:
        assert panel["title"]
        for target in panel["targets"]:
            found = set(re.findall(r"kortilla_\w+", target["expr"]))
            assert found
            assert found <= names, target["expr"]
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            grouped = re.search(r"by \(([^)]*)\)", target["expr"])
            assert legend <= set(re.findall(r"\w+", grouped[1] if grouped else ""))
            shown |= found
    for variable in dashboard["templating"]["list"]:
        assert set(re.findall(r"kortilla_\w+", json.dumps(variable))) <= names
    assert {"kortilla_openid_logins_total", "kortilla_trust_valid_seconds"} <= shown
