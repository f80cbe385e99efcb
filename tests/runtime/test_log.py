from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from services.runtime.log import configure
from services.runtime.settings import LogSettings

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def output():
    """Configures logging; returns the written text. Everything is restored afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start(stream=None, **log):
        stream = stream or io.StringIO()
        configure(LogSettings(**log), stream)
        return stream

    yield start
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object(output):
    stream = output()
    structlog.get_logger("afterimage.x").info("stored", rows=3)
    (line,) = lines(stream)
    assert (line["event"], line["rows"], line["level"], line["logger"]) == ("stored", 3, "info", "afterimage.x")
    assert line["timestamp"].endswith("Z")


def test_auto_is_for_eyes_on_a_terminal_only(output):
    stream = output(Terminal())
    structlog.get_logger("x").info("hello")
    assert not stream.getvalue().startswith("{")
    assert "hello" in stream.getvalue()
    forced = output(Terminal(), format="json")
    structlog.get_logger("x").info("hello")
    assert len(lines(forced)) == 1


def test_the_level_is_the_least_that_is_written(output):
    stream = output(level="warning")
    structlog.get_logger("x").info("no")
    logging.getLogger("aiohttp").info("no")
    structlog.get_logger("x").warning("yes")
    assert [line["event"] for line in lines(stream)] == ["yes"]


def test_libraries_write_in_the_same_form(output):
    stream = output()
    logging.getLogger("aiohttp.access").warning("took %d s", 3)
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("took 3 s", "aiohttp.access", "warning")


@pytest.mark.parametrize("how", ["json", "console"])
def test_secrets_are_blanked_at_any_depth(output, how):
    stream = output(format=how)
    log = structlog.get_logger("x")
    log.info("a", token="hush1", nested={"Authorization": "hush2", "list": [{"passcode": "hush3"}]}, secret=b"hush4")
    log.info("b", payload=["hush5"], note=f"header was {TOKEN}", more=({"payload": "hush6"},))
    logging.getLogger("lib").warning("got %s", TOKEN)
    assert "hush" not in stream.getvalue()
    assert TOKEN not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 8


@pytest.mark.parametrize("how", ["json", "console"])
def test_a_traceback_shows_no_variables_and_no_tokens(output, how):
    stream = output(format=how)

    def fail(payload):
        raise ValueError(f"bad {TOKEN}")

    try:
        fail("what the visitor typed")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    text = stream.getvalue()
    assert "ValueError" in text
    assert "in fail" in text
    assert "what the visitor" not in text.replace('fail("what the visitor typed")', "").replace(
        'fail(\\"what the visitor typed\\")', ""
    )
    assert TOKEN not in text
