# SPDX-License-Identifier: MIT
"""The locks hold exact releases and their hashes, and no addresses."""

import json
import re
import tomllib
from pathlib import Path

import jinja2
import pytest

RELEASE = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)( ;[^\\]*)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
LOCKS = ("build", "program", "openid", "demo", "dev")


def releases(text: str) -> dict[str, str]:
    """Return the version of each package in a lock of requirements."""
    found = (RELEASE.match(line) for line in text.splitlines())
    return {match[1]: match[2] for match in found if match}


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!; ]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize("lock", [*LOCKS, "debian", "windows"])
def test_each_line_is_a_release_or_its_hash(texts: dict[str, str], lock: str) -> None:
    lines = texts[f"tools/requirements/{lock}.txt"].splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert lines
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert RELEASE.match(line) or HASH.match(line)
        assert not RELEASE.match(line) or HASH.match(following)


@pytest.mark.parametrize("lock", LOCKS)
def test_one_release_of_a_package_in_all_locks(
    texts: dict[str, str], lock: str
) -> None:
    everything = releases(texts["tools/requirements/dev.txt"])
    assert releases(texts[f"tools/requirements/{lock}.txt"]).items() <= (
        everything.items()
    )


def test_the_program_brings_what_it_needs_and_nothing_for_services_and_demo(
    texts: dict[str, str],
) -> None:
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["host"], *extras["signing"]]
    program = releases(texts["tools/requirements/program.txt"]).keys()
    assert {_name(each) for each in asked} <= program
    others = {"authlib", "django", "jinja2", "playwright", "redis", "starlette"}
    assert program.isdisjoint(others)


def test_windows_differs_in_interpreter_and_qt_only(texts: dict[str, str]) -> None:
    locked = releases(texts["tools/requirements/windows.txt"])
    asked = texts["tools/requirements/windows.in"].splitlines()
    own = {_name(each): each.partition("==")[2] for each in asked if "==" in each}
    own["shiboken6"] = own["pyside6-essentials"]
    assert own.items() <= locked.items()
    everything = releases(texts["tools/requirements/dev.txt"])
    others = {name: locked[name] for name in locked.keys() - own.keys()}
    assert others.items() <= everything.items()
    assert releases(texts["tools/requirements/program.txt"]).keys() - locked.keys() == {
        # Linux has D-Bus and inotify.
        *("asyncinotify", "jeepney", "secretstorage"),
    }


def test_all_that_pyproject_asks_for_is_locked(texts: dict[str, str]) -> None:
    pyproject = tomllib.loads(texts["pyproject.toml"])
    asked = [
        requirement
        for group in (
            pyproject["project"]["dependencies"],
            *pyproject["project"]["optional-dependencies"].values(),
            *pyproject["dependency-groups"].values(),
        )
        for requirement in group
        if isinstance(requirement, str) and not requirement.startswith("kortilla[")
    ]
    names = {_name(requirement) for requirement in asked}
    assert names <= releases(texts["tools/requirements/dev.txt"]).keys()


def test_actions_are_named_by_commit_and_images_of_the_provider_by_digest(
    texts: dict[str, str],
) -> None:
    workflow = texts[".github/workflows/ci.yml"]
    actions = re.findall(r"uses: (.*)", workflow)
    assert actions
    for action in actions:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v[0-9.]+", action)
    compose = texts["packaging/openid/compose.yaml"]
    images = re.findall(r"(?:image|BASE): (.*)", compose)
    assert len(images) == 2
    for image in images:  # who starts it has to name one
        assert re.fullmatch(r"\$\{[A-Z]+:\?[A-Z]+ is to be .*@sha256:…\}", image)


def test_a_pull_request_of_somebody_else_has_no_privileges(
    texts: dict[str, str],
) -> None:
    workflow = texts[".github/workflows/ci.yml"]
    jobs = re.split(r"^  (?=[\w-]+:$)", workflow.partition("\njobs:\n")[2], flags=re.M)
    [test] = [
        job for job in jobs[1:] if "if: github.event_name == 'schedule'" not in job
    ]
    [options] = re.findall(r"options: >-\s+\$\{\{(.*?)\}\}", test, flags=re.S)
    expression = jinja2.Environment(autoescape=True).compile_expression(
        options.replace("&&", "and").replace("||", "or")
    )

    def privileged(event_name: str, head: dict[str, str] | None = None) -> bool:
        event = {"pull_request": {"head": {"repo": head}}} if head is not None else {}
        github = {"event_name": event_name, "repository": "us/kortilla", "event": event}
        return expression(github=github) == "--privileged"

    assert privileged("push")
    assert privileged("pull_request", {"full_name": "us/kortilla"})
    assert not privileged("pull_request", {"full_name": "others/kortilla"})
    assert not privileged("pull_request", {})  # the repository is gone


def test_the_lock_of_node_holds_hashes_and_no_addresses(texts: dict[str, str]) -> None:
    lock = json.loads(texts["package-lock.json"])
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name in packages if "resolved" in packages[name]] == []
    assert [name for name in packages if "integrity" not in packages[name]] == []
    asked = json.loads(texts["package.json"])["devDependencies"]
    assert lock["packages"][""]["devDependencies"] == asked


def test_no_other_lock_and_no_address_of_a_registry(
    root: Path, texts: dict[str, str]
) -> None:
    assert not (root / "uv.lock").exists()
    for name in (*texts,):
        if "require" in name or "package" in name or name.startswith("."):
            assert not re.search(r"(pypi|npmjs|pythonhosted)\.org", texts[name]), name
