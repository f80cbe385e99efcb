from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.wait import PATIENCE_S

ROOT = Path(__file__).parents[2]


def process(main: str, **options) -> subprocess.Popen[str]:
    body = textwrap.indent(textwrap.dedent(main).strip(), "    ")
    source = f"import asyncio, time\nfrom services.runtime.process import run\n\nasync def main():\n{body}\n\n"
    source += f"run(main, **{options!r})\nprint('returned', flush=True)\n"
    started = subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}"},
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n", started.communicate()
    return started


STOPPABLE = """
    print("ready", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.1)
        print("cleaned up", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_main_clean_up(number):
    with process(STOPPABLE) as child:
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE_S)
        assert (child.returncode, out, err) == (0, "cleaned up\nreturned\n", "")


def test_a_second_signal_ends_it_at_once():
    cleaning_up = 'print("cleaning up", flush=True)\n        await asyncio.sleep(50)'
    with process(STOPPABLE.replace("await asyncio.sleep(0.1)", cleaning_up)) as child:
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == "cleaning up\n"  # two signals at once would be one
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=PATIENCE_S) == 1


def test_a_process_that_does_not_stop_is_ended():
    stuck = """
        print("ready", flush=True)
        try:
            await asyncio.sleep(60)
        finally:
            time.sleep(50)
    """
    with process(stuck, stop_timeout_s=0.5) as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=PATIENCE_S) == 1


def test_what_main_raises_is_raised():
    with process('print("ready", flush=True)\nraise ValueError("boom")\n') as child:
        _out, err = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == 1
        assert "ValueError: boom" in err


BAD = """
from contextlib import asynccontextmanager
from services.runtime import process
from services.runtime.settings.loader import SettingsError

class Broken(Exception): ...

@asynccontextmanager
async def serve(settings):
    raise ExceptionGroup("tasks", [{error}])
    yield

raise SystemExit(process.main(serve, lambda error: ("broken it is", 7) if isinstance(error, Broken) else None))
"""


def ending(error: str) -> subprocess.CompletedProcess[str]:
    source = BAD.format(error=error)
    return subprocess.run([sys.executable, "-c", source], check=False, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [("SettingsError('audit.port: taken')", 2, "audit.port: taken\n"), ("Broken()", 7, "broken it is\n")],
)
def test_what_a_person_must_do_is_said_in_a_line(error, status, said):
    ended = ending(error)
    assert (ended.returncode, ended.stderr) == (status, said)


def test_a_defect_keeps_its_traceback():
    ended = ending("ValueError('boom')")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "ValueError: boom" in ended.stderr
