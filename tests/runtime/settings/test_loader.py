from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.runtime.settings.loader import SettingsError, load_settings
from services.runtime.settings.reference import to_page, to_toml_reference

ROOT = Path(__file__).parents[3]


def problems(*args, **overrides):
    with pytest.raises(SettingsError) as caught:
        load_settings(*args, **overrides)
    return list(caught.value.problems)


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "given.toml"
        path.write_text(text)
        return path

    return write


def test_without_anything_it_is_development_with_a_demo_project(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.environment == "development"
    assert settings.audit.port == 50051
    assert settings.share.metrics_port == 9152
    assert settings.chdb_path == Path(".data/chdb")
    demo = settings.project("demo")
    assert demo is not None
    assert demo.keys == ("pk_demo",)
    assert demo.origins == ("http://localhost:*", "http://127.0.0.1:*")
    assert settings.project("nobody") is None


def test_later_sources_win_key_by_key(monkeypatch, toml):
    path = toml('data_dir = "from-file"\n[audit]\nport = 1001\nmetrics_port = 1002\nhost = "localhost"\n')
    monkeypatch.setenv("AFTERIMAGE_AUDIT__PORT", "2001")
    monkeypatch.setenv("AFTERIMAGE_AUDIT__METRICS_PORT", "2002")
    audit = load_settings(path, audit={"metrics_port": 3002}).audit
    assert (audit.host, audit.port, audit.metrics_port) == ("localhost", 2001, 3002)


def test_the_file_is_found_by_argument_then_variable_then_place(monkeypatch, tmp_path, toml):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afterimage.toml").write_text("[audit]\nport = 1\n")
    assert load_settings().audit.port == 1
    named = tmp_path / "named.toml"
    named.write_text("[audit]\nport = 2\n")
    monkeypatch.setenv("AFTERIMAGE_CONFIG", str(named))
    assert load_settings().audit.port == 2
    assert load_settings(toml("[audit]\nport = 3\n")).audit.port == 3


def test_lists_and_projects_come_from_the_environment_as_json(monkeypatch):
    monkeypatch.setenv("AFTERIMAGE_PROJECTS", '[{"id": "shop", "keys": ["pk_1"], "retention_days": 0}]')
    monkeypatch.setenv("AFTERIMAGE_AUTH__ALGORITHMS", '["ES256"]')
    settings = load_settings()
    assert [project.id for project in settings.projects] == ["shop"]
    assert settings.auth.algorithms == ("ES256",)


def test_every_problem_is_reported_at_once(monkeypatch, toml):
    path = toml(
        'environment = "prod"\nsurprise = 1\n'
        '[audit]\nport = 70000\nprot = 1\n[share]\nhost = "0.0.0.0"\n[log]\nlevel = "loud"\n'
        '[tls]\ncert_file = "nowhere.pem"\n'
    )
    monkeypatch.setenv("AFTERIMAGE_AUDIT__HSOT", "x")
    monkeypatch.setenv("AFTERIMAGE_ADUIT__PORT", "1")
    monkeypatch.setenv("AFTERIMAGE_PROJECTS", "[not json")
    found = problems(path)
    starts = sorted(line.split(":")[0] for line in found)
    assert starts == [
        "AFTERIMAGE_ADUIT__PORT",
        "audit.hsot",
        "audit.port",
        "audit.prot",
        "auth.secret",
        "log.level",
        "projects",
        "projects",
        "share.host",
        "surprise",
        "tls.cert_file",
    ]
    assert "audit.hsot: unknown key (from AFTERIMAGE_AUDIT__HSOT)" in found
    assert "tls.cert_file: there is no file nowhere.pem" in found
    assert all("\n" not in line for line in found)


def test_a_file_that_is_not_there_or_not_toml_is_a_problem(tmp_path, toml):
    assert problems(tmp_path / "missing.toml") == [f"{tmp_path / 'missing.toml'}: there is no such file"]
    (line,) = problems(toml("[audit\n"))
    assert "line 1" in line


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"environment": "Prod!"}, "environment: "),
        ({"projects": [{"id": "A b"}]}, "projects.0.id: "),
        ({"projects": [{"id": "a", "retention_days": -1}]}, "projects.0.retention_days: "),
        ({"projects": [{"id": "a", "origins": ["https://shop.example/"]}]}, "projects.0.origins.0: "),
        ({"projects": [{"id": "a", "origins": ["*"]}]}, "projects.0.origins.0: "),
        ({"projects": [{"id": "a"}, {"id": "a"}]}, "projects: duplicate id a"),
        (
            {"projects": [{"id": "a", "keys": ["k"]}, {"id": "b", "keys": ["k"]}]},
            "projects: duplicate key k",
        ),
        ({"auth": {"secret": "short"}}, "auth.secret: must be at least 32 bytes"),
        ({"auth": {"secret": "REPLACE with a random value of 32 bytes"}}, "auth.secret: is a placeholder from the doc"),
        ({"auth": {"secret": "x" * 40 + "ChangeMe"}}, "auth.secret: is a placeholder from the documentation: make one"),
        ({"auth": {"jwks_url": "file:///etc/passwd"}}, "auth.jwks_url: "),
        ({"auth": {"algorithms": ["HS256"]}}, "auth.algorithms.0: "),
        ({"audit": {"host": "0.0.0.0"}}, "audit.host: 0.0.0.0 is not loopback: "),
        ({"clickhouse": {"engine": "server"}}, 'clickhouse: engine = "server" needs url'),
        ({"clickhouse": {"url": "http://h"}}, "clickhouse.url: must start with clickhouse:// or clickhouses://"),
        ({"clickhouse": {"timeout_s": 0}}, "clickhouse.timeout_s: "),
        ({"redis": {"url": "localhost"}}, "redis.url: "),
        ({"audit": 5}, "audit: "),
        ({"audit": {"metrics_port": -2}}, "audit.metrics_port: "),
    ],
)
def test_what_does_not_hold_is_named(overrides, line):
    found = problems(**overrides)
    assert any(problem.startswith(line) for problem in found), found


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example", "http://localhost:*", "http://127.0.0.1:8080", "https://a-b.c", "http://[::1]:*"],
)
def test_origins_that_hold(origin):
    assert load_settings(projects=[{"id": "a", "origins": [origin]}]).projects[0].origins == (origin,)


def test_the_readmes_production_sample_starts_with_a_secret_of_ones_own_only(tmp_path):
    readme = (ROOT / "README.md").read_text()
    sample = textwrap.dedent(re.search(r'(?m)^    environment = "production"\n(?:    .*\n|\n)*', readme)[0])
    file = tmp_path / "afterimage.toml"
    file.write_text(sample)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert "auth.secret: is a placeholder from the documentation" in caught.value.problems[0]
    file.write_text(re.sub(r"(?m)^secret = .*$", f'secret = "{uuid4().hex * 2}"', sample))
    assert load_settings(file).projects[0].id == "shop"


def test_outside_development_a_secret_and_projects_are_needed():
    assert len(problems(environment="production")) == 2
    settings = load_settings(environment="production", auth={"secret": uuid4().hex * 2}, projects=[{"id": "shop"}])
    assert settings.project("demo") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_plain_text_is_for_loopback(host):
    assert load_settings(audit={"host": host}).audit.host == host


def test_plain_text_elsewhere_only_when_told():
    assert load_settings(audit={"host": "0.0.0.0"}, tls={"allow_plaintext": True}).audit.host == "0.0.0.0"


def test_secrets_are_in_no_repr_and_no_problem(monkeypatch):
    secrets = {"secret": "hush-" * 8, "password": "pass-word-1", "redis": "pass-word-2"}
    settings = load_settings(
        auth={"secret": secrets["secret"]},
        clickhouse={"url": f"clickhouse://u:{secrets['password']}@h:9000/"},
        redis={"url": f"redis://:{secrets['redis']}@h/0"},
    )
    found = problems(
        auth={"secret": "hush-"},
        clickhouse={"url": f"http://{secrets['password']}"},
        redis={"url": f"bad://{secrets['redis']}"},
    )
    for text in (repr(settings), str(settings), "\n".join(found)):
        assert not any(secret in text for secret in (*secrets.values(), "hush-"))


def test_settings_are_frozen():
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.audit.port = 1


def test_the_reference_holds_every_default(toml, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    reference = to_toml_reference()
    assert load_settings(toml(reference)) == load_settings()
    uncommented = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in reference.splitlines()
    )
    set_to_defaults = load_settings(toml(uncommented))
    shop = {"projects": tomllib.loads(uncommented)["projects"]}
    assert set_to_defaults == load_settings(**shop)
    assert set_to_defaults.projects[0].retention_days == 90


def test_every_field_says_what_it_means():
    from services.runtime.settings import Group

    groups = {cls.__name__: cls for cls in Group.__subclasses__()}
    assert len(groups) >= 10
    silent = [
        f"{name}.{key}"
        for name, group in groups.items()
        for key, field in group.model_fields.items()
        if not field.description
    ]
    assert silent == []


def test_the_page_is_current():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == to_page(), "run: python -m services.runtime.settings.reference > docs/configuration.md"
