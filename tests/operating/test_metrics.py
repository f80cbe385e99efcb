"""Metrics and log fields in docs/operating.md, websocket.md and the alerting rules match the processes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import yaml
from support.require import missing

from .installation import DEPLOY, DOCS, SAMPLES, OperatedInstallation, until

pytestmark = pytest.mark.timeout(900)  # an installation is started

RULES = DEPLOY / "prometheus/alerts.yaml"
RULE_TESTS = DEPLOY / "prometheus/alerts_test.yaml"
_SERIES = {"counter": ("_total",), "gauge": ("",), "histogram": ("", "_bucket", "_count", "_sum")}
_NAME = re.compile(r"\b(?:afterimage|process|python)_[a-z_]+")


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with OperatedInstallation(tmp_path_factory.mktemp("installation"), AFTERIMAGE_LOG__LEVEL="debug") as running:
        running.run("import", SAMPLES[0])
        token = running.run("token", "--scope", "view", "--subject", "alice").strip()
        running.call("afterimage.audit.v1.AuditService/ListSessions", {}, token)
        until(lambda: {"request", "rpc"} <= _events_of(running.log, "alice"), running._process, running.log)
        yield running


def _events_of(log, subject):
    """The kinds of log lines about a person; a process writes its line after its answer."""
    lines = [line for line in log.read_text().splitlines() if f'"{subject}"' in line and line.endswith("}")]
    return {json.loads(line)["event"] for line in lines}


@pytest.fixture(scope="module")
def exported(installation) -> dict[str, set[str]]:
    """The names of all series, by service."""
    ports = {
        "audit": "AUDIT__METRICS_PORT",
        "share": "SHARE__METRICS_PORT",
        "export": "EXPORT__METRICS_PORT",
        "worker": "EXPORT__WORKER_METRICS_PORT",
        "sidecar": "SIDECAR__PORT",
    }
    found = {}
    for service, port in ports.items():
        status, text = installation.get("/metrics", port)
        assert status == 200
        names = set()
        for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE):
            names |= {name.removesuffix("_total") + ending for ending in _SERIES[kind]}
        found[service] = names
    return found


def metrics_table() -> dict[str, set[str]]:
    """Returns the services of each metric by docs/operating.md."""
    section = (DOCS / "operating.md").read_text().partition("## Metrics and alerts")[2].partition("\n## ")[0]
    found = {}
    for row in re.findall(r"^\| (`afterimage_.*?) \| (.*?) \|", section, re.MULTILINE):
        for name in re.findall(r"`(afterimage_[a-z_]+)", row[0]):
            found[name] = set(row[1].split(", "))
    return found


def test_table_has_every_metric_with_the_services_that_export_it(exported):
    documented = metrics_table()
    for service, names in exported.items():
        own = {name for name in names if name.startswith("afterimage_")}
        own -= {name for name in own if name.endswith(("_bucket", "_count", "_sum", "_created"))}
        assert own == {name for name, services in documented.items() if service in services}


def test_sidecar_page_names_metrics_that_are_there(exported):
    section = (DOCS / "websocket.md").read_text().partition("## Metrics")[2]
    first, *rest = re.findall(r"`((?:afterimage_sidecar)?_[a-z_]+)`", section)
    names = {first, *(f"afterimage_sidecar{name}" for name in rest)}
    assert names <= exported["sidecar"]


def test_alerting_rules_ask_for_series_that_are_there(exported):
    everything = set.union(*exported.values())
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    for rule in rules:
        names = _NAME.findall(re.sub(r'"[^"]*"', "", rule["expr"]))
        assert set(names) <= everything, rule["alert"]


def test_every_alert_is_explained_and_has_a_summary():
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    explained = re.findall(r"^\| (Afterimage\w+) \|", (DOCS / "operating.md").read_text(), re.MULTILINE)
    assert explained == [rule["alert"] for rule in rules]
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)


def test_scrape_jobs_are_those_that_the_rules_go_by():
    jobs = {
        job["job_name"] for job in yaml.safe_load((DEPLOY / "prometheus/scrape.yaml").read_text())["scrape_configs"]
    }
    assert jobs == {
        *("afterimage-audit", "afterimage-share", "afterimage-export"),
        *("afterimage-export-worker", "afterimage-sidecar"),
    }
    named = re.findall(r'job="([^"]+)"', RULES.read_text())
    assert named
    assert set(named) <= jobs


def test_prometheus_accepts_the_rules_and_they_fire_as_tested():
    promtool = shutil.which("promtool")
    if promtool is None:
        missing("no promtool here (apt-get install prometheus): the alerting rules are NOT tried")
    for words in (("check", "rules", RULES), ("test", "rules", RULE_TESTS)):
        found = subprocess.run([promtool, *words], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr


def log_fields() -> dict[str, list[str]]:
    """The table of log fields: names by the lines that they are in."""
    section = (DOCS / "operating.md").read_text().partition("## Logs")[2]
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", section, re.MULTILINE)
    found: dict[str, list[str]] = {}
    for names, where in rows:
        found.setdefault(where, []).extend(re.findall(r"`(\w+)`", names))
    return found


def test_log_lines_have_the_documented_fields(installation):
    lines = [json.loads(line) for line in installation.log.read_text().splitlines() if line.startswith("{")]
    fields = {name for names in log_fields().values() for name in names}
    calls = {"rpc": 0, "request": 0, "socket": 0}
    for line in lines:
        assert {"event", "level", "logger", "timestamp"} <= line.keys()
        if line["event"] not in calls:
            continue
        calls[line["event"]] += 1
        assert line.keys() <= fields, line
        wanted = {"rpc": "`rpc`", "request": "`request`, `socket`", "socket": "`request`, `socket`"}[line["event"]]
        assert line.keys() >= {*log_fields()[wanted], "subject", "project", "request_id"}
    assert calls["rpc"]
    assert calls["request"]


def test_one_request_id_leads_through_all_processes(installation):
    lines = [json.loads(line) for line in installation.log.read_text().splitlines() if line.startswith("{")]
    [request] = [line for line in lines if line["event"] == "request" and line["subject"] == "alice"]
    rpcs = [line for line in lines if line["event"] == "rpc" and line["request_id"] == request["request_id"]]
    assert [line["method"] for line in rpcs] == ["/afterimage.audit.v1.AuditService/ListSessions"]
