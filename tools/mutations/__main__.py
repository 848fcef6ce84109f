# SPDX-License-Identifier: MIT
"""Makes each mutation in a copy of the checkout, and says whether its test notices.

    python -m tools.mutations [--only TEXT] [--jobs N]

The exit status is 1 unless each is noticed. It takes a quarter of an hour on an idle
machine.
"""

import argparse
import ast
import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from tools.mutations import (
    ROOT,
    Mutation,
    MutationError,
    files_with_tests,
    load,
    product,
)

#: Seconds for one test. One that then still runs has noticed: it waits in vain.
_LIMIT = 240

_NOTICED, _NOT_NOTICED = "noticed", "not noticed"


class Copy:
    """The files of the checkout in a temporary folder, with an environment of its own.

    The environment has the packages of this one, and Kortilla from the copy, for each
    process and whatever its variables.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        listing = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        for name in filter(None, listing.stdout.decode().split("\0")):
            source, target = ROOT / name, folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
        self._python = self._make_environment()
        self._check_imports()

    def _make_environment(self) -> str:
        here = self._folder / ".venv"
        venv.create(here, symlinks=True)
        python = here / "bin" / "python"
        packages = sysconfig.get_path("purelib", vars={"base": str(here)})
        lines = [str(self._folder), sysconfig.get_path("purelib")]
        # Files of this kind in the second folder, such as Kortilla's, do not count.
        Path(packages, "copy.pth").write_text("".join(f"{line}\n" for line in lines))
        own = f"#!{Path(sys.executable).parent}/".encode()
        for script in Path(sys.executable).parent.iterdir():
            target = here / "bin" / script.name
            content = script.read_bytes() if script.is_file() else b""
            if content.startswith(own) and not target.exists():
                target.write_bytes(
                    b"#!%s/%s" % (bytes(here / "bin"), content[len(own) :])
                )
                target.chmod(0o755)
        return str(python)

    def _check_imports(self) -> None:
        code = "import kortilla, native_host as n; print(kortilla.__file__, n.__file__)"
        found = subprocess.run(
            [self._python, "-I", "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        if not all(Path(each).is_relative_to(self._folder) for each in found):
            raise SystemExit(f"Another Kortilla than the copy would run: {found}")

    @contextlib.contextmanager
    def mutated(self, mutation: Mutation, path: Path) -> Iterator[None]:
        """Make a mutation for the time of the block."""
        file = self._folder / path
        before = file.read_text(encoding="utf-8")
        after = before.replace(mutation.old, mutation.new)
        self._check_syntax(path, after)
        try:
            self._write(file, after)
            yield
        finally:
            self._write(file, before)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text, encoding="utf-8")
        # A change within a second might go unseen otherwise.
        for each in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            each.unlink()

    def _check_syntax(self, path: Path, text: str) -> None:
        """Raise ``MutationError`` for what could not run at all."""
        if path.suffix == ".py":
            try:
                ast.parse(text)
            except SyntaxError as error:
                raise MutationError(f"it is no Python: {error}") from None
            return
        command = ["node", "--input-type=module", "--check"]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise MutationError(f"it is no JavaScript: {done.stderr}")

    def run_pytest(self, tests: Iterable[str]) -> dict[str, bool]:
        """Run tests, and return whether each function's passed, by its name.

        Without those that were skipped, and without any after a limit of time.
        """
        report = self._folder / "report.xml"
        report.unlink(missing_ok=True)
        options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        self._run([self._python, "-m", "pytest", *options, *tests])
        if not report.exists():
            return {}
        passed: dict[str, bool] = {}
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own
            name = case.get("name", "").partition("[")[0]
            kinds = {each.tag for each in case}
            if "skipped" not in kinds:
                good = not kinds & {"failure", "error"}
                passed[name] = passed.get(name, True) and good
        return passed

    def run_node(self, test: str) -> dict[str, bool]:
        """Run a test of Node.js, and return what ``run_pytest`` returns."""
        file, _, title = test.partition("::")
        pattern = f"^{re.escape(title)}$".replace("/", r"\/")
        output = self._run(
            ["node", "--test", f"--test-name-pattern={pattern}", file],
            ["--test-reporter=tap"],
        )
        counts = dict(re.findall(r"^# (pass|fail) (\d+)$", output, re.MULTILINE))
        if not any(map(int, counts.values())):
            return {}
        return {title: counts["fail"] == "0"}

    def _run(self, command: list[str], options: Iterable[str] = ()) -> str:
        command[2:2] = options
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST", "PYTHON", "NODE_"))
        }
        with subprocess.Popen(
            command,
            cwd=self._folder,
            env=variables | {"VIRTUAL_ENV": str(self._folder / ".venv")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                return process.communicate(timeout=_LIMIT)[0]
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    return ""
                raise


def _baseline(copy: Copy, mutations: dict[Mutation, list[str]]) -> dict[Mutation, str]:
    """Return the mutations whose tests do not pass without them, and why."""
    ids = dict.fromkeys(
        t for m, tests in mutations.items() if m.is_python for t in tests
    )
    passed = copy.run_pytest(ids) if ids else {}
    for mutation, tests in mutations.items():
        if not mutation.is_python and mutation.test not in passed:
            passed |= copy.run_node(tests[0])
    wrong = {}
    for mutation in mutations:
        name = mutation.test
        found = passed.get(name.partition("[")[0] if mutation.is_python else name)
        if not found:
            fault = "was left out" if found is None else "fails"
            wrong[mutation] = f"its test {fault} without it: {name}"
    return wrong


def _try(copy: Copy, mutation: Mutation, path: Path, tests: list[str]) -> str:
    try:
        with copy.mutated(mutation, path):
            if mutation.is_python:
                passed = copy.run_pytest(tests)
            else:
                passed = copy.run_node(tests[0])
    except MutationError as error:
        return str(error)
    return _NOT_NOTICED if passed and all(passed.values()) else _NOTICED


def _find(
    chosen: list[Mutation],
) -> tuple[dict[Mutation, Path], dict[Mutation, list[str]], dict[Mutation, str]]:
    """Return the files and tests of the mutations, and those that have none."""
    sources, files = product(), files_with_tests()
    places, tests, wrong = {}, {}, {}
    for each in chosen:
        try:
            places[each], tests[each] = each.place(sources), each.tests(files)
        except MutationError as error:
            wrong[each] = str(error)
    return places, {m: tests[m] for m in places if m in tests}, wrong


def run(chosen: list[Mutation], jobs: int, say: Callable[[str], None]) -> int:
    """Try mutations, and return how many are not noticed."""
    places, tests, wrong = _find(chosen)
    with contextlib.ExitStack() as stack:
        copies: queue.Queue[Copy] = queue.Queue()
        for _ in range(jobs):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mutant-"))
            copies.put(Copy(Path(folder).resolve()))
        first = copies.get()
        wrong |= _baseline(first, tests)
        copies.put(first)

        def try_one(mutation: Mutation) -> str:
            if mutation in wrong:
                return wrong[mutation]
            copy, begun = copies.get(), time.monotonic()
            try:
                result = _try(copy, mutation, places[mutation], tests[mutation])
            finally:
                copies.put(copy)
            say(f"{result:12} {mutation.name} ({time.monotonic() - begun:.0f} s)")
            return result

        with ThreadPoolExecutor(jobs) as pool:
            results = dict(zip(chosen, pool.map(try_one, chosen), strict=True))
    unnoticed = {m: each for m, each in results.items() if each != _NOTICED}
    say(f"{len(chosen) - len(unnoticed)} of {len(chosen)} mutations are noticed.")
    for mutation, result in unnoticed.items():
        say(f"- {mutation.name}: {result}")
    return len(unnoticed)


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutations")
    parser.add_argument("--only", default="", help="a part of the mutations' names")
    parser.add_argument("--jobs", type=int, default=1, help="so many at a time")
    arguments = parser.parse_args()
    chosen = [each for each in load() if arguments.only in each.name]
    return 1 if run(chosen, arguments.jobs, lambda line: print(line, flush=True)) else 0


if __name__ == "__main__":
    sys.exit(main())
