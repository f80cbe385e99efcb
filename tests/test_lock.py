"""The lock files meet the requirements of pyproject.toml, with hashes, and contain nothing machine-specific."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = {"run": ["embedded", "export"], "dev": ["embedded", "export", "dev"]}


def locked(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Returns the packages of a lock file, each as its entries (one per marker) with the number of their hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", (ROOT / f"requirements/{name}.txt").read_text())[1:]:
        head, *hashes = re.split(r" \\\n\s+", entry.strip())
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), entry
        requirement = Requirement(head)
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, len(hashes)))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_pyproject_asks_for(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [
        *project["dependencies"],
        *(one for extra in LOCKS[name] for one in project["optional-dependencies"][extra]),
    ]
    held = locked(name)
    for requirement in map(Requirement, asked):
        for entry, _ in held[canonicalize_name(requirement.name)]:
            (pin,) = entry.specifier
            assert pin.operator == "=="
            assert requirement.specifier.contains(pin.version), f"{requirement}: run 'make lock'"


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_has_hashes(name):
    held = locked(name)
    assert len(held) > 70
    assert [entry for entries in held.values() for entry, hashes in entries if not hashes] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_registry(name):
    text = (ROOT / f"requirements/{name}.txt").read_text()
    assert re.findall(r"https?:|index-url|find-links| @ ", text) == []


def test_tests_run_with_what_is_installed_without_them():
    run, dev = locked("run"), locked("dev")
    assert {name: entries for name, entries in dev.items() if name in run} == run
