"""`make bench`: runs every bench, prints a table and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import asyncio
import importlib
from pathlib import Path

NAMES = ["ingest"]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, help=f"which benches: {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    asked = parser.parse_args()
    for name in asked.names:
        bench = importlib.import_module(f"bench.{name}")
        for label, value, unit in await bench.rows(quick=asked.quick):
            print(f"{name:10} {label:45} {value:14,.1f} {unit}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
