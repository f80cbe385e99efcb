"""Catalogues: many instances of one check (web pages, odd events, recordings), of which `make test` runs a sample.

A test marked `catalogue` names its sample, by patterns of the shell for ids, parameters or files. All other instances
are deselected, counted, and run with --all (`make test-all`), as CI does. The sample is fixed, and has an instance or
two of every kind, with those that found the latest faults. A check that no other instance repeats always runs.
A test with `like="test_of_the_sample"` is an instance, too: it repeats that test of its file in another way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

Left = Counter[str]
"""Number of instances that this run leaves to `make test-all`, by the file of their test."""

DESELECTED = pytest.StashKey[Left]()
"""Those that are parameters of a test: equal in all processes."""
PASSED_OVER = pytest.StashKey[Left]()
"""Those that a test goes through itself: of the tests of this process."""


def is_complete(config: pytest.Config) -> bool:
    """Returns whether all instances run; they do in a campaign, too."""
    return bool(config.getoption("all") or config.getoption("campaign"))


def refuse_unknown_samples(items: Collection[pytest.Item]) -> None:
    """Checks the markers of all tests that are collected, before any is deselected.

    Raises:
        pytest.UsageError: A marker names an instance that its test does not have.
    """
    is_found: dict[tuple[str, str], bool] = {}
    for item in items:
        marker = _marker(item)
        for pattern in marker.args if marker else ():
            found = is_found.setdefault((item.nodeid.partition("[")[0], pattern), False)
            is_found[item.nodeid.partition("[")[0], pattern] = found or _has(item, pattern)
    names = {item.nodeid.partition("[")[0] for item in items}
    for item in items:
        like = marker.kwargs.get("like") if (marker := _marker(item)) else None
        is_found |= {(item.nodeid, like): item.nodeid.rpartition("::")[0] + f"::{like}" in names} if like else {}
    unknown = [f"{test}: no instance is {pattern!r}" for (test, pattern), is_there in is_found.items() if not is_there]
    if unknown:
        raise pytest.UsageError("samples of `catalogue` are out of date:\n" + "\n".join(unknown))


def left_out(config: pytest.Config, items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Returns the instances that do not run: those of no sample, unless the command line names them."""
    if is_complete(config):
        return []
    found = []
    for item in items:
        marker = _marker(item)
        if marker is None or any(arg.endswith(f"::{item.name}") for arg in config.args):
            continue
        if "like" in marker.kwargs or (marker.args and not any(_has(item, pattern) for pattern in marker.args)):
            found.append(item)
    return found


def _marker(item: pytest.Item) -> pytest.Mark | None:
    """Returns the marker of an instance; None: the test has no instances, or is skipped."""
    marker = item.get_closest_marker("catalogue")
    is_instance = marker is not None and (hasattr(item, "callspec") or "like" in marker.kwargs)
    return marker if is_instance and not item.get_closest_marker("skip") else None


def _has(item: Any, pattern: str) -> bool:
    """Returns whether a pattern is that of an instance: of its id, or of a parameter: a string, or a file's name."""
    values = item.callspec.params.values()
    names = [value.name if isinstance(value, Path) else value for value in values if isinstance(value, str | Path)]
    return any(fnmatchcase(text, pattern) for text in (item.callspec.id, *names))


def count(items: Iterable[pytest.Item]) -> Left:
    return Counter(item.nodeid.partition("::")[0] for item in items)


def sample_of(request: pytest.FixtureRequest, instances: Collection[T], names: Collection[T]) -> list[T]:
    """Returns the instances that a test goes through: those of `names`, all with --all.

    Raises:
        pytest.UsageError: The test has no marker, or a name is that of no instance.
    """
    if request.node.get_closest_marker("catalogue") is None:
        raise pytest.UsageError(f"{request.node.nodeid} takes a sample, but has no marker `catalogue`")
    unknown = [name for name in names if name not in instances]
    if unknown or not names:
        raise pytest.UsageError(f"{request.node.nodeid}: no instance is one of {unknown}")
    if is_complete(request.config):
        return list(instances)
    file = request.node.nodeid.partition("::")[0]
    request.config.stash[PASSED_OVER][file] += len(instances) - len(names)
    return [instance for instance in instances if instance in names]


def report(left: Left) -> str:
    """Returns the numbers that a run leaves to `make test-all`, in a line; "": it leaves nothing."""
    if not left:
        return ""
    rooms: Left = Counter()
    for file, number in left.items():
        rooms[str(Path(file).parent)] += number
    parts = ", ".join(f"{room} {number}" for room, number in rooms.most_common())
    return f"{left.total():,} instances of {len(left)} files are left to `make test-all`: {parts}"
