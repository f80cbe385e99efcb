"""Videos and pictures as formats of ExportService: real worker, real Chromium, real ffmpeg."""

from __future__ import annotations

import asyncio
import io

import grpc
import psutil
import pytest
from afterimage.export.v1 import export_pb2
from browser.rrweb_events import click, element
from export.rendering import videos
from export.rendering.sessions import tools
from export.rendering.test_guardian import are_gone
from export.rendering.test_render_video import BLUE, GREEN, RED, colored, is_near, repainted
from google.protobuf.duration_pb2 import Duration
from PIL import Image
from support.export import (
    CANCELLED,
    DONE,
    FAILED,
    GIF,
    JSON,
    MP4,
    PNG,
    RUNNING,
    WEBM,
    eventually,
    export_service,
)
from support.share import refusal, seconds

from services.export.formats.rendered import words_of
from services.export.recordings import RecordedFinding
from services.export.worker.app import work

from .test_access import delete_session
from .test_formats import ago, error, record, tick

ADDRESS, CLOCK, CAPTIONS = (
    export_pb2.OVERLAY_PART_ADDRESS,
    export_pb2.OVERLAY_PART_CLOCK,
    export_pb2.OVERLAY_PART_CAPTIONS,
)
BAR_PX = 36
FOREVER = Duration(seconds=2**62)
SPIN = "@keyframes turn { to { transform: rotate(360deg) } } #spin { animation: turn 1s linear infinite }"


@pytest.fixture(autouse=True)
def found_tools():
    """Skips where the programs are missing."""
    return tools()


@pytest.fixture
def remains(export_settings):
    """Files and directories of attempts in the worker's scratch directory."""

    def found():
        root = export_settings.data_dir / "exports" / "scratch"
        return [path for path in root.glob("*/*") if path.name != "lock"]

    return found


def two_pages(start):
    """Four seconds: red, after one second green on another page with an error, after two and a half blue."""
    return [
        *colored(start, RED),
        *colored(start + 1_000, GREEN, url="https://shop.example/b"),
        error(start + 1_500, "x is not defined"),
        click(start + 2_000),
        repainted(start + 2_500, BLUE),
        tick(start + 4_000, 1),
    ]


def endless(start, length_ms=1_800_000):
    """Something moves in each frame."""
    body = [
        element(30, "style", {"_cssText": SPIN}),
        element(31, "div", {"id": "spin", "style": "background: red; height: 300px; width: 300px"}),
    ]
    return [*colored(start, RED, more=body), click(start + length_ms)]


async def video_of(exports, session, into, fmt=MP4, **content):
    export = await exports.of_session(session, fmt, **content)
    path = into / f"video-{fmt}"
    path.write_bytes(await exports.file(export))
    return await exports.get(export.export_id), path


def picture_of(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def bare(**options):
    """Options of a video without the overlay."""
    return {"hidden_parts": list(range(1, 6)), "keep_pauses": True, **options}


async def test_a_session_becomes_an_mp4(exports, audit, tmp_path, remains, found_tools):
    start = ago(600)
    session, _ = await record(audit, [[two_pages(start)]])
    done, path = await video_of(exports, session, tmp_path)
    assert (done.file.name, done.file.content_type) == (f"session-{session}.mp4", "video/mp4")
    assert (done.progress.done_count, done.progress.planned_count) == (40, 40)
    assert not done.progress.HasField("remaining_duration")
    ffmpeg = found_tools.ffmpeg
    facts = videos.facts(ffmpeg, path)
    assert "h264" in facts
    assert "yuv420p" in facts
    assert f"1280x{720 + BAR_PX}" in facts
    assert session in facts  # the title
    starts, end_ms = videos.times_ms(ffmpeg, path)
    assert starts[0] == 0
    assert abs(end_ms - 4_000) <= 100
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert videos.chapters(ffmpeg, path) == [(0, "https://shop.example/a"), (1_000, "https://shop.example/b")]
    assert "00:01.500" in (captions := videos.subtitles(ffmpeg, path))
    assert "Error: x is not defined" in captions
    for at_ms, color in ((500, RED), (1_900, GREEN), (3_000, BLUE)):
        picture = videos.picture_at(ffmpeg, path, at_ms, tmp_path)
        assert is_near(picture.getpixel((640, 650)), color), at_ms
    assert remains() == []


@pytest.mark.parametrize(("fmt", "name", "content_type"), [(WEBM, "webm", "video/webm"), (GIF, "gif", "image/gif")])
async def test_the_other_formats_are_whole(exports, audit, tmp_path, found_tools, fmt, name, content_type):
    start = ago(600)
    session, _ = await record(audit, [[two_pages(start)]])
    video = {"width": 320, "frames_per_second": 5}
    done, path = await video_of(exports, session, tmp_path, fmt, video=video)
    assert (done.file.name, done.file.content_type) == (f"session-{session}.{name}", content_type)
    assert done.session.video.frames_per_second == 5
    starts, end_ms = videos.times_ms(found_tools.ffmpeg, path)
    assert starts[0] == 0
    assert abs(end_ms - 4_000) <= 200
    assert " 320x216" in videos.facts(found_tools.ffmpeg, path)


async def test_a_range_has_its_own_length(exports, audit, tmp_path, found_tools):
    session, _ = await record(audit, [[two_pages(ago(600))]])
    content = {"start_offset": seconds(2), "end_offset": seconds(3)}
    done, path = await video_of(exports, session, tmp_path, video=bare(width=321, height=201), **content)
    assert done.progress.planned_count == 10
    assert " 322x202" in videos.facts(found_tools.ffmpeg, path)
    _, end_ms = videos.times_ms(found_tools.ffmpeg, path)
    assert abs(end_ms - 1_000) <= 100
    assert is_near(videos.picture_at(found_tools.ffmpeg, path, 200, tmp_path).getpixel((160, 100)), GREEN)
    assert is_near(videos.picture_at(found_tools.ffmpeg, path, 800, tmp_path).getpixel((160, 100)), BLUE)


async def test_pauses_are_skipped_unless_they_are_kept(exports, audit, tmp_path):
    start = ago(600)
    session, _ = await record(audit, [[[*colored(start, RED), click(start + 1_000), click(start + 41_000)]]])
    short, _ = await video_of(exports, session, tmp_path)
    whole, _ = await video_of(exports, session, tmp_path, video={"keep_pauses": True})
    assert whole.progress.planned_count == 410
    assert 0 < short.progress.planned_count < 150


async def test_a_window_can_be_chosen(exports, audit):
    start = ago(600)
    one = [*colored(start, RED), *(click(start + at) for at in (500, 1_000, 6_100, 6_900, 8_000))]
    other = [*colored(start + 3_000, GREEN), *(click(start + at) for at in (3_500, 4_200, 5_000))]
    session, windows = await record(audit, [[one], [other]])
    for offset, window, color in (
        (2, "", RED),
        (4, "", GREEN),
        (7, "", RED),
        (4, windows[0], RED),
        (7, windows[1], GREEN),
    ):
        picture = {"offset": seconds(offset)}
        export = await exports.of_session(session, PNG, window_id=window, picture=picture)
        found = picture_of(await exports.file(export))
        assert is_near(found.getpixel((600, 300)), color), (offset, window)


async def test_a_moment_becomes_a_picture(exports, audit, remains):
    session, _ = await record(audit, [[two_pages(ago(600))]])
    for offset, color in ((0.5, RED), (1.7, GREEN), (4, BLUE)):
        export = await exports.of_session(session, PNG, picture={"offset": seconds(offset)})
        found = picture_of(await exports.file(export))
        assert (found.size, is_near(found.getpixel((640, 300)), color)) == ((1280, 720), True), offset
    assert (await exports.get(export.export_id)).file.name == f"session-{session}-4000ms.png"
    picture = {"offset": seconds(1), "height": 360 + BAR_PX, "shown_parts": [ADDRESS, CLOCK]}
    framed = picture_of(await exports.file(await exports.of_session(session, PNG, picture=picture)))
    assert framed.size == (640, 360 + BAR_PX)
    assert not is_near(framed.getpixel((300, 5)), GREEN)
    assert remains() == []


async def test_bad_options_name_their_fields(idle_exports, audit):
    session = await audit.record()
    for fmt, content, fields in (
        (MP4, {"video": {"width": 63}}, {"session.video.width"}),
        (MP4, {"video": {"width": 3_841, "height": 2_161}}, {"session.video.width", "session.video.height"}),
        (MP4, {"video": {"width": -2, "height": -(2**31)}}, {"session.video.width", "session.video.height"}),
        (GIF, {"video": {"frames_per_second": 31}}, {"session.video.frames_per_second"}),
        (WEBM, {"video": {"frames_per_second": -1}}, {"session.video.frames_per_second"}),
        (MP4, {"video": {"hidden_parts": [0]}}, {"session.video.hidden_parts"}),
        (MP4, {"video": {"hidden_parts": [1, 99]}}, {"session.video.hidden_parts"}),
        (MP4, {"picture": {"offset": seconds(1)}}, {"session.picture"}),
        (JSON, {"video": {}}, {"session.video"}),
        (JSON, {"picture": {"offset": seconds(1)}}, {"session.picture"}),
        (PNG, {}, {"session.picture"}),
        (PNG, {"video": {}}, {"session.video"}),
        (PNG, {"picture": {}}, {"session.picture.offset"}),
        (PNG, {"picture": {"offset": seconds(-1)}}, {"session.picture.offset"}),
        (PNG, {"picture": {"offset": seconds(3_600)}}, {"session.picture.offset"}),
        (PNG, {"picture": {"offset": seconds(1), "width": 1}}, {"session.picture.width"}),
        (PNG, {"picture": {"offset": seconds(1), "shown_parts": [7]}}, {"session.picture.shown_parts"}),
        (PNG, {"picture": {"offset": seconds(1)}, "start_offset": seconds(1)}, {"session.start_offset"}),
        (MP4, {"start_offset": seconds(3_600)}, {"session.start_offset"}),
        (MP4, {"start_offset": FOREVER, "end_offset": FOREVER}, {"session.start_offset", "session.end_offset"}),
        (MP4, {"end_offset": FOREVER}, {"session.end_offset"}),
        (PNG, {"picture": {"offset": FOREVER}}, {"session.picture.offset"}),
        (MP4, {"window_id": "../../etc/passwd"}, {"session.window_id"}),
    ):
        refused = await refusal(idle_exports.of_session(session, fmt, **content))
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT, (fmt, content)
        assert refused.fields == fields, (fmt, content)
    for name in ("../../etc/passwd", "'; rm -rf /", "\0", "x" * 100_000):
        assert (await refusal(idle_exports.of_session(name, MP4))).fields == {"session.session_id"}
    table = {"table": {"table": 1}, "format": MP4}
    assert (await refusal(idle_exports.create(**table))).fields == {"format"}
    unknown = await refusal(idle_exports.of_session("0198a000-0000-7000-8000-000000000000", MP4))
    assert unknown.code is grpc.StatusCode.NOT_FOUND


async def test_options_are_part_of_the_export_and_of_its_trail(idle_exports, audit):
    session = await audit.record()
    video = {"width": 640, "height": 400, "frames_per_second": 25, "keep_pauses": True, "hidden_parts": [CAPTIONS]}
    same = {"session": {"session_id": session, "video": video}, "format": MP4}
    request_id = "11111111-2222-4333-8444-666666666666"
    first = await idle_exports.create(**same, request_id=request_id)
    assert first.session.video == export_pb2.VideoOptions(**video)
    assert (await idle_exports.create(**same, request_id=request_id)).export_id == first.export_id
    other = {"session": {"session_id": session, "video": {**video, "width": 642}}, "format": MP4}
    assert (await refusal(idle_exports.create(**other, request_id=request_id))).fields == {"request_id"}
    made = await idle_exports.of_session(session, PNG, picture={"offset": seconds(12.5)})
    assert (await idle_exports.get(made.export_id)).session.picture.offset.ToMilliseconds() == 12_500
    entries = [entry.detail for entry in await audit.trail(session_id=session) if "png" in entry.detail]
    assert entries == [f"{made.export_id} png at 12.5 s"]


async def test_sessions_without_a_picture_fail_with_a_sentence(exports, audit):
    start = ago(600)
    bare_session, _ = await record(audit, [[[tick(start, 1), tick(start + 5_000, 2)]]])
    lone_session, _ = await record(audit, [[[tick(start, 1)]]])
    late_session, _ = await record(audit, [[[tick(start, 1)], colored(start + 9_000, RED)]])
    for session, content in ((bare_session, {}), (lone_session, {}), (late_session, {"end_offset": seconds(5)})):
        failed = await exports.ended((await exports.of_session(session, MP4, **content)).export_id)
        assert (failed.state, failed.failure.reason, failed.attempt_count) == (FAILED, "NO_SNAPSHOT", 1)
        assert "full snapshot" in failed.failure.message
    picture = {"offset": seconds(0)}
    failed = await exports.ended((await exports.of_session(lone_session, PNG, picture=picture)).export_id)
    assert failed.failure.reason == "NO_SNAPSHOT"
    missing = {"window_id": "0198a000-0000-7000-8000-000000000000"}
    failed = await exports.ended((await exports.of_session(late_session, MP4, **missing)).export_id)
    assert failed.failure.reason == "WINDOW_NOT_FOUND"


async def test_a_session_of_one_picture_has_one_frame(exports, audit, tmp_path):
    session, _ = await record(audit, [[colored(ago(600), RED)]])
    done, _ = await video_of(exports, session, tmp_path)
    assert (done.state, done.progress.planned_count) == (DONE, 1)


async def test_a_live_session_is_shown_up_to_now(exports, audit, tmp_path, found_tools):
    start = ago(3)
    session, _ = await record(audit, [[two_pages(start)[:-1]]], is_ended=False)
    assert (await audit.details(session)).session.status == 1  # live
    done, path = await video_of(exports, session, tmp_path, video=bare())
    assert done.progress.planned_count == 25
    _, end_ms = videos.times_ms(found_tools.ffmpeg, path)
    assert abs(end_ms - 2_500) <= 100
    late = await exports.of_session(session, MP4, start_offset=seconds(3_600))
    failed = await exports.ended(late.export_id)
    assert (failed.failure.reason, failed.attempt_count) == ("OUT_OF_RANGE", 1)
    late = await exports.of_session(session, PNG, picture={"offset": seconds(3_600)})
    assert (await exports.ended(late.export_id)).failure.reason == "OUT_OF_RANGE"


async def drawing(exports, export):
    """Returns the export once some of its frames are done."""

    async def draws():
        found = await exports.get(export.export_id)
        assert found.state not in {FAILED, DONE}, found
        return found if found.progress.done_count > 5 else None

    return await eventually(draws)


async def test_a_cancelled_video_ends_its_programs(exports, audit, remains):
    session, _ = await record(audit, [[endless(ago(3_600))]])
    before = set(psutil.Process().children(recursive=True))
    export = await exports.of_session(session, MP4, video={"keep_pauses": True})
    shown = await drawing(exports, export)
    assert (shown.state, shown.progress.planned_count) == (RUNNING, 18_000)
    assert shown.progress.remaining_duration.ToMilliseconds() > 0
    tree = set(psutil.Process().children(recursive=True)) - before
    names = " ".join(one.name() for one in tree)
    assert "headless" in names
    assert "ffmpeg" in names
    assert (await exports.cancel(export.export_id)).state == CANCELLED

    async def is_tidy():
        return are_gone(tree) and remains() == []

    await eventually(is_tidy)
    assert (await exports.get(export.export_id)).state == CANCELLED
    # The place is free.
    await exports.file(await exports.of_session(session, PNG, picture={"offset": seconds(1)}))


async def test_a_deleted_session_ends_its_video(exports, audit, remains):
    session, _ = await record(audit, [[endless(ago(3_600))]])
    export = await exports.of_session(session, MP4, video={"keep_pauses": True})
    await drawing(exports, export)
    await delete_session(audit, session)

    async def is_gone():
        return export.export_id not in [one.export_id for one in (await exports.list()).exports] and remains() == []

    await eventually(is_gone)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_video_frames": 39}, "TOO_LONG"),
        ({"max_file_bytes": 2_000}, "SIZE_LIMIT"),
        ({"max_time_s": 0.3}, "TIME_LIMIT"),
    ],
)
async def test_limits_hold(export_settings, mint, audit, remains, limits, reason):
    session, _ = await record(audit, [[two_pages(ago(600))]])
    settings = with_export(export_settings, **limits)
    async with export_service(settings, mint) as exports, work(settings):
        failed = await exports.ended((await exports.of_session(session, MP4)).export_id)
        assert (failed.state, failed.failure.reason, failed.attempt_count) == (FAILED, reason, 1)
        assert remains() == []


@pytest.mark.parametrize("missing", ["browser", "ffmpeg"])
async def test_without_the_programs_the_other_formats_work(export_settings, mint, audit, missing):
    session, _ = await record(audit, [[two_pages(ago(600))]])
    settings = with_export(export_settings, **{missing: "no-such-program"})
    async with export_service(settings, mint) as exports, work(settings):
        for fmt in (MP4, WEBM, GIF):
            failed = await exports.ended((await exports.of_session(session, fmt)).export_id)
            assert (failed.state, failed.failure.reason, failed.attempt_count) == (FAILED, "TOOL_MISSING", 1)
            assert "install" in failed.failure.message
        picture = await exports.ended(
            (await exports.of_session(session, PNG, picture={"offset": seconds(1)})).export_id
        )
        assert picture.state == (FAILED if missing == "browser" else DONE)
        await exports.file(await exports.of_session(session))


def with_export(settings, **changes):
    return settings.model_copy(update={"export": settings.export.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (RecordedFinding("w", 0, "rage_click", 7, "", "Pay"), "Rage click on Pay"),
        (RecordedFinding("w", 0, "dead_click"), "Dead click"),
        (RecordedFinding("w", 0, "error", 1, "x is not defined"), "Error: x is not defined"),
        (RecordedFinding("w", 0, "error", 1, '"Error: \\"no\\"\\n    at a (b.js:1:2)" 7'), 'Error: "no"'),
        (RecordedFinding("w", 0, "failed_request", 1, "GET a.example/b 500"), "Failed request: GET a.example/b 500"),
        (RecordedFinding("w", 0, "double_click"), "Double click"),
    ],
)
def test_findings_have_words(finding, words):
    assert words_of(finding) == words


async def test_two_renderings_are_the_same(exports, audit):
    session, _ = await record(audit, [[two_pages(ago(600))]])
    one, other = [await exports.of_session(session, MP4) for _ in range(2)]
    assert await exports.file(one) == await exports.file(other)
    files = [await exports.get(export.export_id) for export in (one, other)]
    assert files[0].file.sha256 == files[1].file.sha256
    await asyncio.gather(*(exports.delete(export.export_id) for export in (one, other)))
