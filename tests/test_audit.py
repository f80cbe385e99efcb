"""`make audit`: findings are reported, and packages that were not looked up are never taken for good news."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.require import missing

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "requirements/audit.py"
_spec = importlib.util.spec_from_file_location("audit_script", SCRIPT)
audit = importlib.util.module_from_spec(_spec)
sys.modules["audit_script"] = audit
_spec.loader.exec_module(audit)

VULNERABLE = {"name": "jinja2", "version": "2.4", "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"]}]}
CLEAN = {"name": "rich", "version": "14.0", "vulns": []}


def test_a_known_vulnerability_is_named_with_its_fix():
    found = audit.of_pip_audit(json.dumps({"dependencies": [CLEAN, VULNERABLE], "fixes": []}), "")
    assert found.known == ["jinja2 2.4: PYSEC-2014-8, fixed in 2.7.2"]
    assert (found.count, found.not_asked) == (2, "")
    assert audit.status_of([found, audit.Audit(not_asked="away")]) == audit.FOUND
    npm = {
        "vulnerabilities": {"ws": {"severity": "high", "range": "<8.17.1"}},
        "metadata": {"dependencies": {"total": 9}},
    }
    assert audit.of_npm_audit(json.dumps(npm), "").known == ["ws: high, <8.17.1"]


@pytest.mark.parametrize(
    ("read", "output", "errors"),
    [
        ("of_pip_audit", "", "requests.exceptions.ConnectionError: pypi.org"),
        ("of_pip_audit", "[]", ""),
        ("of_pip_audit", '{"dependencies": []}', ""),
        ("of_pip_audit", '{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', ""),
        ("of_npm_audit", "", "npm error audit endpoint returned an error"),
        ("of_npm_audit", '{"message": "request to https://registry failed", "error": {"code": "ECONNREFUSED"}}', ""),
        ("of_npm_audit", "not json", ""),
    ],
)
def test_what_was_not_asked_is_no_good_news(read, output, errors):
    found = getattr(audit, read)(output, errors)
    assert found.not_asked
    assert audit.status_of([found, audit.Audit(count=5)]) == audit.NOT_ASKED


def test_all_asked_and_nothing_known_is_success():
    assert audit.status_of([audit.of_pip_audit(json.dumps({"dependencies": [CLEAN]}), "")]) == 0


def test_every_lock_file_of_the_repository_is_audited():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        missing("this is no clone: the lock files are NOT listed")
    locks = {str(Path(name).parent) for name in listed if name.endswith("package-lock.json")}
    assert locks == set(audit.NPM_LOCKS)
    assert {
        name for name in listed if name.startswith("requirements/") and "--hash=" in (ROOT / name).read_text()
    } == set(audit.PYTHON_LOCKS)


def test_without_a_registry_it_says_so_and_fails():
    if shutil.which("npm") is None:
        missing("npm is not here: the audit is NOT tried")
    away = os.environ | {"npm_config_registry": "http://127.0.0.1:1/"}
    ended = subprocess.run([sys.executable, SCRIPT], env=away, capture_output=True, text=True, check=False)
    assert ended.returncode == audit.NOT_ASKED, ended.stdout + ended.stderr
    assert ended.stdout.count("NOT AUDITED: ") == len(audit.NPM_LOCKS)
    assert "Packages that were not audited may be vulnerable" in ended.stdout
