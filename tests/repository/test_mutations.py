# SPDX-License-Identifier: MIT
"""The table of mutations fits the code, so that `python -m tools.mutations` can run."""

from tools.mutations import MutationError, files_with_tests, load, product


def test_each_mutation_has_its_text_once_and_its_test() -> None:
    sources, tests = product(), files_with_tests()
    wrong = []
    for mutation in load():
        try:
            mutation.place(sources)
            mutation.tests(tests)
        except MutationError as error:
            wrong.append(f"{mutation.name}: {error}")
    assert wrong == []


def test_each_mutation_has_a_name_of_its_own() -> None:
    names = [each.name for each in load()]
    assert len(set(names)) == len(names)
