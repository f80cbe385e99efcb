"""Looks up the locked packages in the databases of known vulnerabilities: PyPI's by pip-audit, npm's by `npm audit`.

    python requirements/audit.py PIP_AUDIT

Exit status: 0, all packages were looked up and no vulnerability is known; 1, at least one is known; 3, none is known,
but a database could not be asked, so that nothing is said about some packages. What was not asked is printed plainly.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTHON_LOCKS = ("requirements/run.txt", "requirements/dev.txt")
NPM_LOCKS = ("sidecar/web", "gen/ts", "tests/sidecar/clients", "services/cli/samples")
FOUND, NOT_ASKED = 1, 3
_TIMEOUT_S = 600


@dataclass
class Audit:
    """The result for one lock file.

    Attributes:
        known: One line per known vulnerability.
        not_asked: Reason why nothing, or not everything, was looked up; "": everything was.
        count: Number of packages that were looked up.
    """

    known: list[str] = field(default_factory=list)
    not_asked: str = ""
    count: int = 0


def pip_audit(command: str, lock: str) -> Audit:
    """Looks up the packages of a lock file of pip; nothing is installed or resolved."""
    options = ["--requirement", lock, "--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    return of_pip_audit(*_run([command, *options], ROOT))


def npm_audit(folder: str) -> Audit:
    """Looks up the packages of a folder's package-lock.json."""
    npm = shutil.which("npm")
    if npm is None:
        return Audit(not_asked="npm is not installed")
    return of_npm_audit(*_run([npm, "audit", "--json", "--package-lock-only"], ROOT / folder))


def of_pip_audit(output: str, errors: str) -> Audit:
    """Returns the result that pip-audit printed as JSON."""
    report = _parsed(output)
    if not isinstance(report.get("dependencies"), list):
        return Audit(not_asked=_last_line(errors) or "pip-audit printed no report")
    audit = Audit()
    skipped = []
    for package in report["dependencies"]:
        if "skip_reason" in package:
            skipped.append(package["name"])
            continue
        audit.count += 1
        for one in package["vulns"]:
            fix = ", ".join(one.get("fix_versions") or ()) or "no version"
            audit.known.append(f"{package['name']} {package['version']}: {one['id']}, fixed in {fix}")
    if skipped or not audit.count:
        audit.not_asked = f"not in the database: {', '.join(skipped) or 'all packages'}"
    return audit


def of_npm_audit(output: str, errors: str) -> Audit:
    """Returns the result that `npm audit --json` printed."""
    report = _parsed(output)
    if not isinstance(report.get("vulnerabilities"), dict):
        said = report.get("message") or report.get("error") or _last_line(errors)
        return Audit(not_asked=str(said)[:300] or "npm printed no report")
    known = [f"{name}: {one['severity']}, {one['range']}" for name, one in sorted(report["vulnerabilities"].items())]
    return Audit(known, count=int(report.get("metadata", {}).get("dependencies", {}).get("total", 0)))


def status_of(audits: Sequence[Audit]) -> int:
    """Returns the exit status for the results."""
    if any(audit.known for audit in audits):
        return FOUND
    return NOT_ASKED if any(audit.not_asked for audit in audits) else 0


def main(command: str) -> int:
    """Prints the results of all lock files; returns the exit status. An empty `command`: only npm's are asked."""
    lookups = [(lock, lambda lock=lock: pip_audit(command, lock)) for lock in PYTHON_LOCKS if command]
    lookups += [(f"{folder}/package-lock.json", lambda folder=folder: npm_audit(folder)) for folder in NPM_LOCKS]
    audits = []
    for name, look in lookups:
        audit = look()
        audits.append(audit)
        known = f"{len(audit.known)} known vulnerabilities" if audit.known else "no known vulnerability"
        if audit.count or audit.known:
            sys.stdout.write(f"{name}: {audit.count} packages, {known}\n")
        if audit.not_asked:
            sys.stdout.write(f"{name}: NOT AUDITED: {audit.not_asked}\n")
        sys.stdout.writelines(f"  {line}\n" for line in audit.known)
    status = status_of(audits)
    if status == NOT_ASKED:
        sys.stdout.write(
            "Packages that were not audited may be vulnerable: try again with a connection to the databases.\n"
        )
    return status


def _run(command: Sequence[str], folder: Path) -> tuple[str, str]:
    quiet = {"npm_config_update_notifier": "false", "npm_config_fetch_retries": "0"}
    try:
        ended = subprocess.run(  # noqa: S603 - the two programs above, on files of the repository
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env=os.environ | quiet
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    return ended.stdout, ended.stderr


def _parsed(output: str) -> dict[str, Any]:
    try:
        report = json.loads(output)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
