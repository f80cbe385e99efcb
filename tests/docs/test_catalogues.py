"""Samples of catalogues: instances that are left out are counted in the last lines of a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CATALOGUE = """
import pytest

@pytest.mark.catalogue("two", "th*")
@pytest.mark.parametrize("number", ["one", "two", "three", "four", "five"])
def test_a_number(number):
    assert number != "five"

@pytest.mark.catalogue(like="test_a_number")
def test_a_large_number():
    pass

@pytest.mark.catalogue
def test_all_numbers(catalogue_sample):
    assert catalogue_sample({"one": 1, "two": 2, "three": 3}, ["three"]) == ["three"]
"""


def run(directory, text, *options):
    """Returns the exit code and the last lines of a run of some tests."""
    (directory / "test_numbers.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-c", str(TESTS.parent / "pyproject.toml"), "--rootdir", str(directory)]
    found = subprocess.run(
        [*command, "-p", "conftest", "-p", "no:cacheprovider", *options],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent), str(TESTS.parent / "gen")])},
        capture_output=True,
        text=True,
        check=False,
    )
    return found.returncode, "\n".join(found.stdout.splitlines()[-4:]) + found.stderr


EXPECTED = {
    "sample": ("test_numbers.py", 0, "3 passed", "6 instances of 1 files are left to `make test-all`: . 6"),
    "sample in another process": ("test_numbers.py --numprocesses 1", 0, "3 passed", "left to `make test-all`: . 6"),
    "all": ("test_numbers.py --all", 1, "2 failed, 5 passed", ""),
    "one that is named": ("test_numbers.py::test_a_number[five]", 1, "1 failed", ""),
    "some of them": ("test_numbers.py -k two", 0, "1 passed", ""),
    "no such instance": ("test_numbers.py", pytest.ExitCode.USAGE_ERROR, "", "no instance is 'six'"),
}


@pytest.mark.catalogue("sample in another process")
@pytest.mark.parametrize("kind", EXPECTED)
def test_a_sample_runs_and_the_rest_is_counted(tmp_path, kind):
    options, expected, results, words = EXPECTED[kind]
    text = CATALOGUE if words != "no instance is 'six'" else CATALOGUE.replace('"two"', '"six"', 1)
    code, said = run(tmp_path, text, *options.split())
    assert code == expected, said
    assert results in said
    assert words in said
    assert ("make test-all" in said) == ("make test-all" in words)
