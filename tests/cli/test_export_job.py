"""`afterimage export --format`: through ExportService and a worker of `afterimage up`."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import signal
import subprocess

import pytest
from export.rendering import videos
from export.rendering.sessions import tools
from PIL import Image
from support import web
from support.html_file import HtmlFile
from support.pdf_file import PdfFile
from support.require import missing

from .commands import COMMAND, Up, run, until

HEATMAPS = (
    "--heatmap is a report of a page: --format pdf, with --kind, --since, --until, --device, --actor-type, --paper, "
    "--time-zone and --language only"
)
WHOLE = "is a report of the whole session: only --paper, --time-zone, --language"
SIZES = "--size: '{}' is not WIDTHxHEIGHT, WIDTHx or xHEIGHT, such as 1280x720"
PARTS = "pointer, clicks, address, clock, captions"
NO_WORKERS = {"AFTERIMAGE_INGEST__WORKERS": "0"}


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    with Up(tmp_path_factory.mktemp("up"), "--port", "0", "--samples", environment=NO_WORKERS) as up:
        up.said("Ctrl-C ends it")
        yield up


@pytest.fixture(scope="module")
def session(up):
    return up.run("sessions", "--since", "1d", "--order", "longest_first", "--ids").lines[0]


def exports_of(up):
    root = up.directory / ".data" / "exports" / "results"
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_session_is_the_same_either_way(up, session):
    directly = up.run("export", session)
    assert directly.status == 0, directly.err
    made = up.run("export", session, "--format", "json", "-o", "made.json")
    assert made.status == 0, made.err
    assert made.err.startswith("made.json: ")
    assert (up.directory / "made.json").read_text() == directly.out
    assert exports_of(up) == []  # not left on the server


def test_har_goes_to_standard_output(up, session):
    made = up.run("export", session, "--format", "har")
    assert made.status == 0, made.err
    assert json.loads(made.out)["log"]["version"] == "1.2"
    assert made.err == ""


def test_a_video_and_a_picture_are_made(up, session):
    ffmpeg = tools().ffmpeg
    made = up.run(
        *("export", session, "--format", "mp4", "--start", "1s", "--end", "3s", "--keep-pauses"),
        *("--size", "640x", "--fps", "5", "--hide", "address,clock", "-o", "visit.mp4"),
    )
    assert made.status == 0, made.err
    assert made.err.startswith("visit.mp4: ")
    path = up.directory / "visit.mp4"
    starts, end_ms = videos.times_ms(ffmpeg, path)
    assert starts[0] == 0
    assert abs(end_ms - 2_000) <= 200
    assert "yuv420p" in videos.facts(ffmpeg, path)
    assert " 640x" in videos.facts(ffmpeg, path)
    assert videos.chapters(ffmpeg, path)
    for moment in ("1.5", "1500ms"):
        shot = up.run("export", session, "--format", "png", "--at", moment, "--size", "320x200", "-o", "moment.png")
        assert shot.status == 0, shot.err
        with Image.open(up.directory / "moment.png") as picture:
            assert picture.size == (320, 200)
    assert exports_of(up) == []


def test_the_server_names_options_that_are_out_of_range(up, session):
    answer = up.run("export", session, "--format", "mp4", "--size", "10x10", "-o", "no.mp4")
    assert answer.status == 1
    assert "session.video.width" in answer.err
    assert not (up.directory / "no.mp4").exists()


def test_a_session_becomes_a_page(up, session):
    web.built()
    made = up.run("export", session, "--format", "html", "-o", "session.html")
    assert made.status == 0, made.err
    file = HtmlFile((up.directory / "session.html").read_bytes())
    assert file.session["sessionId"] == session
    events = json.loads(up.run("export", session).out)
    chunks = file.chunks(file.session["windows"][0]["windowId"])
    assert [event for _, payload in chunks for event in json.loads(gzip.decompress(payload))] == events


def test_a_session_becomes_a_report(up, session):
    words = ["--paper", "letter", "--time-zone", "Europe/Berlin", "--language", "de"]
    made = up.run("export", session, "--format", "pdf", *words, "-o", "report.pdf")
    if "chromium-headless-shell" in made.err:
        missing("reports are NOT tested: no headless Chromium")
    assert made.status == 0, made.err
    file = PdfFile((up.directory / "report.pdf").read_bytes(), up.directory, "read")
    assert file.facts["Page size"] == "612 x 792 pts (letter)"
    assert f"Session {session}" in file.text


def test_lists_and_heatmaps_become_reports(up):
    made = up.run("export", "--format", "pdf", "--since", "1d", "--language", "de", "-o", "list.pdf")
    if "chromium-headless-shell" in made.err:
        missing("reports are NOT tested: no headless Chromium")
    assert made.status == 0, made.err
    count = len(up.run("sessions", "--since", "1d", "--ids").lines)
    file = PdfFile((up.directory / "list.pdf").read_bytes(), up.directory, "read-list")
    assert f"Report of sessions {count} session" in file.text
    words = ["--kind", "click", "--kind", "scroll", "--since", "1d", "--paper", "letter"]
    made = up.run("export", "--format", "pdf", "--heatmap", "https://shop.example/", *words, "-o", "page.pdf")
    assert made.status == 0, made.err
    file = PdfFile((up.directory / "page.pdf").read_bytes(), up.directory, "read-page")
    assert "Report of a page shop.example" in file.text
    assert [heading for heading in file.outline if heading in {"Clicks", "Moves", "Scroll"}] == ["Clicks", "Scroll"]


def test_lists_take_the_options_of_sessions(up):
    wanted = up.run("sessions", "--since", "1d", "--errors", "--ids").lines
    made = up.run("export", "--format", "csv", "--since", "1d", "--errors", "-o", "list.csv")
    assert made.status == 0, made.err
    rows = list(csv.DictReader(io.StringIO((up.directory / "list.csv").read_text())))
    assert [row["session_id"] for row in rows] == wanted
    clicks = up.run("export", "--format", "csv", "--table", "interactions", "--kind", "click", "--since", "1d")
    assert {row["kind"] for row in csv.DictReader(io.StringIO(clicks.out))} == {"click"}
    parquet = up.run("export", "--format", "parquet", "--since", "1d", "-o", "list.parquet")
    assert parquet.status == 0, parquet.err
    assert (up.directory / "list.parquet").read_bytes()[:4] == b"PAR1"


def test_an_export_can_be_kept(up, session):
    assert up.run("export", session, "--format", "json", "--keep", "-o", "kept.json").status == 0
    (file,) = exports_of(up)
    assert file.read_bytes() == (up.directory / "kept.json").read_bytes()
    file.unlink()


def test_a_terminal_has_a_bar(up, session):
    master, slave = pty.openpty()
    command = [*COMMAND, "export", session, "--format", "json", "-o", "bar.json"]
    with subprocess.Popen(
        command, cwd=up.directory, stderr=slave, stdout=slave, env=os.environ | {"TERM": "xterm"}
    ) as it:
        os.close(slave)
        shown = b""
        while True:
            try:
                data = os.read(master, 65_536)
            except OSError:
                break
            if not data:
                break
            shown += data
        assert it.wait() == 0
    os.close(master)
    assert "━".encode() in shown
    assert b"bar.json: " in shown


def test_an_interrupted_export_is_cancelled_and_leaves_no_file(up, session):
    worker = up.child("services.export.worker")
    worker.suspend()
    try:
        command = [*COMMAND, "export", session, "--format", "json", "-o", "interrupted.json"]
        with subprocess.Popen(command, cwd=up.directory, stderr=subprocess.PIPE, text=True) as it:
            token = up.run("token", "--scope", "export").out.strip()
            listed = f"{up.running['sidecar']}/afterimage.export.v1.ExportService/ListExports"

            def is_open():
                from urllib.request import Request, urlopen

                request = Request(
                    listed, data=b"{}", headers={"content-type": "application/json", "authorization": f"Bearer {token}"}
                )
                with urlopen(request) as answer:
                    found = json.load(answer).get("exports", [])
                return [one for one in found if one["state"] == "EXPORT_STATE_QUEUED"]

            until(is_open, "the export is queued")
            it.send_signal(signal.SIGINT)
            assert it.wait() == 130
            assert it.stderr.read() == "interrupted\n"
        until(lambda: not is_open(), "it is no longer queued")
    finally:
        worker.resume()
    assert not list(up.directory.glob("*interrupted*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--format", "nonsense", "x"],
            "--format: there is no 'nonsense', only json, har, csv, parquet, mp4, webm, gif, png, html, pdf",
        ),
        (["--format", "mp4"], "--format mp4 needs a session"),
        (["--format", "mp4", "x", "--errors"], "--format mp4 is of one session: lists are csv, parquet or pdf"),
        (["--format", "mp4", "x", "--at", "5"], "--at applies to png only"),
        (["--format", "mp4", "x", "--size", "big"], SIZES.format("big")),
        (["--format", "mp4", "x", "--size", "x"], SIZES.format("x")),
        (["--format", "mp4", "x", "--size", "-1x5"], SIZES.format("-1x5")),
        (["--format", "gif", "x", "--hide", "hat"], "--hide: there is no 'hat', only " + PARTS),
        (["--format", "png", "x"], "--format png needs --at, the moment in the session, such as 1m30s or 12.5"),
        (["--format", "png", "x", "--at", "noon"], "'noon' is not a duration: write 90s, 15m, 1h30m or 7d"),
        (["--format", "png", "x", "--at", "1", "--fps", "5"], "--fps applies to mp4, webm and gif only"),
        (["--format", "png", "x", "--at", "1", "--start", "5s"], "--format png is of one moment: --at"),
        (
            ["--format", "json", "x", "--keep-pauses"],
            "--keep-pauses applies to videos and pictures only: mp4, webm, gif, png",
        ),
        (["--format", "csv", "--fps", "5"], "--format csv is of a list: select sessions with --since and the like"),
        (["x", "--fps", "5"], "--fps needs --format"),
        (["x", "--keep-pauses"], "--keep-pauses needs --format"),
        (["--format", "json"], "--format json needs a session"),
        (["--format", "csv", "x"], "--format csv is of a list: select sessions with --since and the like"),
        (["--format", "har", "x", "--errors"], "--format har is of one session: lists are csv, parquet or pdf"),
        (["--format", "pdf", "x", "--start", "5s"], f"--format pdf {WHOLE}"),
        (["--format", "pdf", "x", "--fps", "5"], f"--format pdf {WHOLE}"),
        (["--format", "pdf", "x", "--paper", "a3"], "--paper: there is no 'a3', only a4, letter"),
        (["--format", "csv", "--paper", "a4"], "--paper applies to reports only: --format pdf, not csv"),
        (["--format", "har", "x", "--language", "de"], "--language applies to reports only: --format pdf, not har"),
        (["--format", "csv", "--heatmap", "https://shop.example/"], HEATMAPS),
        (["--format", "pdf", "--heatmap", "https://shop.example/", "--errors"], HEATMAPS),
        (["--format", "pdf", "x", "--errors"], "--format pdf is of one session: lists are csv, parquet or pdf"),
        (
            ["--format", "pdf", "--heatmap", "https://shop.example/", "--kind", "rage_click"],
            "--kind: there is no 'rage_click', only click, move, scroll, rage, dead, attention",
        ),
        (["x", "--time-zone", "UTC"], "--time-zone needs --format"),
        (["x", "--since", "7d"], "--since needs --format"),
        ([], "name a session, or a list with --format csv or --format parquet"),
        (["--format", "csv", "--table", "chairs"], "--table: there is no 'chairs', only sessions, interactions"),
        (["--format", "json", "x", "--start", "soon"], "'soon' is not a duration: write 90s, 15m, 1h30m or 7d"),
    ],
)
def test_contradictions_are_one_sentence(words, message, tmp_path):
    answer = run("export", *words, AFTERIMAGE_DATA_DIR=str(tmp_path))
    assert (answer.status, answer.err) == (1, f"{message}\n")


def test_without_the_service_the_message_names_it(tmp_path):
    environment = {"AFTERIMAGE_DATA_DIR": str(tmp_path), "AFTERIMAGE_AUTH__SECRET": "s" * 20 + "ecret-of-this-test"}
    answer = run("export", "--format", "csv", "--address", "127.0.0.1:1", **environment)
    assert answer.status == 1
    assert answer.err.startswith("cannot reach ExportService at 127.0.0.1:1: connection refused")


def test_a_failed_export_says_why(up):
    answer = up.run("export", "0198a000-0000-7000-8000-000000000000", "--format", "json")
    assert (answer.status, answer.err) == (1, "NOT_FOUND: there is no such session\n")
    answer = up.run("sessions", "--since", "1d", "--ids")
    answer = up.run("export", answer.lines[0], "--format", "json", "--window", "0198a000-0000-7000-8000-000000000000")
    assert answer.err.startswith("the export failed: the session has no window 0198a000-")
    assert "(WINDOW_NOT_FOUND)" in answer.err
