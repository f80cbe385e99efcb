"""`make bench`: runs every bench, prints a table and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib
import os
import platform
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
MEASURED = "<!-- measured: everything below is written by `make bench` -->"

BENCHES = {
    "ingest": "Ingest",
    "reading": "Replay and lists",
    "masking": "Masking",
    "heatmap": "Heatmaps",
    "share": "Share links",
    "sidecar": "Sidecar",
    "recorder": "Recorder",
}


async def main() -> None:
    here = Path(__file__).parent
    names = [name for name in BENCHES if (here / f"{name}.py").exists()]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", default=names, help=f"which benches: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs; writes nothing")
    asked = parser.parse_args()
    tables: dict[str, list[tuple[str, float, str]]] = {}
    for name in asked.names:
        bench = importlib.import_module(f"bench.{name}")
        tables[name] = await bench.rows(quick=asked.quick)
        for label, value, unit in tables[name]:
            sys.stdout.write(f"{name:10} {label:60} {value:14,.1f} {unit}\n")
            sys.stdout.flush()
    if not asked.quick and set(asked.names) == set(names):
        PAGE.write_text(PAGE.read_text().partition(MEASURED)[0] + MEASURED + "\n" + _page(tables))


def _page(tables: dict[str, list[tuple[str, float, str]]]) -> str:
    day = dt.datetime.now(dt.UTC).date().isoformat()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"
    )
    lines = [f"\nMeasured {day}: {machine}; the load generator runs beside the services on the same cores.\n"]
    for name, found in tables.items():
        lines += [f"\n## {BENCHES[name]}\n", "| what | value | unit |", "|---|---:|---|"]
        lines += [f"| {label} | {value:,.1f} | {unit} |" for label, value, unit in found]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    asyncio.run(main())
