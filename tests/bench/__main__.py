"""`make bench`: runs the benches, prints their rows, and writes the section of each into docs/benchmarks.md.

`make bench BENCHES="ingest share"` runs some, and leaves the sections of the others as they are.
"""

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
    "rendering": "Video export",
    "exports": "Exports in a queue",
    "footprint": "Memory",
}


async def main() -> None:
    here = Path(__file__).parent
    names = [name for name in BENCHES if (here / f"{name}.py").exists()]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", default=names, help=f"which benches: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs; writes nothing")
    asked = parser.parse_args()
    for name in asked.names:
        bench = importlib.import_module(f"bench.{name}")
        found = await bench.rows(quick=asked.quick)
        for label, value, unit in found:
            sys.stdout.write(f"{name:10} {label:60} {value:14,.1f} {unit}\n")
            sys.stdout.flush()
        if not asked.quick:
            PAGE.write_text(_with_section(PAGE.read_text(), BENCHES[name], _section(found)))


def _with_section(page: str, title: str, section: str) -> str:
    """Returns the page with the section of one bench replaced, the sections in the order of BENCHES."""
    words, _, measured = page.partition(MEASURED)
    sections = dict(part.split("\n", 1) for part in measured.split("\n## ")[1:])
    sections[title] = section
    ordered = [known for known in BENCHES.values() if known in sections]
    return words + MEASURED + "\n" + "".join(f"\n## {known}\n{sections[known].rstrip()}\n" for known in ordered)


def _section(rows: list[tuple[str, float, str]]) -> str:
    day = dt.datetime.now(dt.UTC).date().isoformat()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"
    )
    table = [f"| {label} | {value:,.1f} | {unit} |" for label, value, unit in rows]
    lines = ["", f"Measured {day}: {machine}; the load runs beside the services on the same cores.", ""]
    return "\n".join([*lines, "| what | value | unit |", "|---|---:|---|", *table])


if __name__ == "__main__":
    asyncio.run(main())
