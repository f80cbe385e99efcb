"""The systemd units that ship: systemd itself finds nothing wrong with them, and they let the services do little."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from support.require import missing

from .installation import DEPLOY

UNITS = sorted(path.name for path in (DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = 2.5
"""systemd-analyze rates from 0 (fully restricted) to 10; a unit without any of these settings has 9.6."""


@pytest.fixture(scope="module")
def systemd_analyze():
    found = shutil.which("systemd-analyze")
    if found is None:
        missing("no systemd-analyze here (apt-get install systemd): the systemd units are NOT checked")
    return found


@pytest.fixture
def units(tmp_path):
    """The units, with programs that are there: systemd checks that, too."""
    shutil.copytree(DEPLOY / "systemd", tmp_path, dirs_exist_ok=True)
    (tmp_path / "bin").mkdir()
    for name in ("afterimage", "python"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    for unit in tmp_path.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/afterimage/", f"{tmp_path}/"))
    return tmp_path


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_accepts_the_unit(systemd_analyze, units, unit):
    found = subprocess.run([systemd_analyze, "verify", units / unit], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_systemd_reads_the_common_part(systemd_analyze, units):
    common = units / "afterimage-.service.d/common.conf"
    common.write_text(common.read_text() + "NoSuchSetting=yes\n")
    for unit in UNITS:
        found = subprocess.run([systemd_analyze, "verify", units / unit], capture_output=True, text=True, check=False)
        assert "NoSuchSetting" in found.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_confined(systemd_analyze, units, unit):
    words = [systemd_analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", "--no-pager"]
    found = subprocess.run([*words, units / unit], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
