"""`afterimage --help` and `--version`: their output, and that they load no more than they need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from .commands import run

HEAVY = {
    "aiohttp",
    "afterimage_client",
    "betterproto",
    "grpc",
    "grpclib",
    "numpy",
    "pydantic",
    "redis",
    "rich",
    "services.audit",
}
LOADED = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from services.cli.app import main
main()
"""


def heavy_modules_of(*words: str) -> tuple[str, set[str]]:
    """Returns the output of a command in a separate process, and the heavy modules that it has loaded."""
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, check=True, text=True)
    return done.stdout, HEAVY & set(json.loads(done.stderr))


def test_help_lists_all_commands_and_loads_none():
    out, heavy = heavy_modules_of("--help")
    assert re.findall(r"^  ([a-z]+)  ", out.split("Commands:")[1], re.MULTILINE) == [
        *("up", "import", "export", "sessions", "heatmap", "share", "token", "revoke", "privacy", "migrate"),
        *("backup", "restore", "doctor", "config"),
    ]
    assert "..." not in out.split("Commands:")[1]  # a line that is cut off
    assert heavy == set()


def test_version_loads_no_command():
    out, heavy = heavy_modules_of("--version")
    assert out == f"afterimage {version('afterimage')}\n"
    assert heavy == set()


def test_the_measure_finds_what_a_command_loads():
    assert {"grpclib", "pydantic", "betterproto"} <= heavy_modules_of("sessions", "--help")[1]


def test_up_loads_neither_a_grpc_client_nor_redis():
    assert not heavy_modules_of("up", "--help")[1] & {"afterimage_client", "aiohttp", "betterproto", "grpclib", "redis"}


@pytest.mark.parametrize(
    "words",
    [
        *(["up"], ["import"], ["export"], ["sessions"], ["heatmap"], ["token"], ["migrate"], ["doctor"], ["config"]),
        *(["share", "create"], ["share", "list"], ["share", "revoke"], ["privacy", "check"], ["privacy", "test"]),
    ],
    ids=" ".join,
)
def test_each_command_has_its_own_help(words):
    done = run(*words, "--help")
    assert done.status == 0
    assert f"{' '.join(words)} [OPTIONS]" in done.out
    assert not done.err


def test_a_misspelt_command_gets_a_suggestion():
    done = run("sesions")
    assert done.status == 2
    assert "No such command 'sesions'. Did you mean 'sessions'?" in done.err
