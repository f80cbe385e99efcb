"""Shell blocks of the documentation parse, and the shipped scripts run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks() -> list:
    found = []
    for page in (*sorted((ROOT / "docs").glob("*.md")), ROOT / "SECURITY.md", ROOT / "README.md"):
        for number, (indent, block) in enumerate(_FENCE.findall(page.read_text()), start=1):
            text = re.sub(f"(?m)^{indent}", "", block)
            found.append(pytest.param(text, id=f"{page.name}-{number}"))
    return found


@pytest.mark.parametrize("block", blocks())
def test_block_is_shell(block):
    found = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("name", ["clickhouse-backup", "clickhouse-restore"])
def test_script_explains_itself_without_a_directory(name):
    script = ROOT / "docs/deploy" / name
    assert os.access(script, os.X_OK)
    found = subprocess.run([script], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr.splitlines()[0].endswith(f"{name} DIRECTORY [OPTION...]")
