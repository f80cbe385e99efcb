"""Installation from a wheel: the built pages are in it, their sources are not."""

from __future__ import annotations

import subprocess
import sys
import zipfile

from support import web


def test_a_wheel_carries_the_built_pages(tmp_path):
    dist = web.built()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(command, cwd=web.ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    everything = set(zipfile.ZipFile(wheel).namelist())
    names = {name for name in everything if name.startswith("sidecar/web/")}
    assets = {path.relative_to(web.ROOT).as_posix() for path in dist.rglob("*") if path.is_file()}
    console = {f"sidecar/web/dist/console/{name}.html" for name in ("player", "offline")}
    assert console | {"sidecar/web/dist/recorder.js"} <= assets
    assert assets <= names
    assert {"sidecar/web/demo/index.html", "sidecar/web/demo/shop.js"} <= names
    assert {name.split("/")[2] for name in names} == {"dist", "demo"}
    assert {"services/py.typed", "sidecar/py.typed"} <= everything
    assert not any(name.startswith(("requirements/", "tests/", "docs/")) for name in everything)
