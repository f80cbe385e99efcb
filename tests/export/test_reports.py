"""Reports as PDF, as poppler and qpdf read them."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import grpc
import numpy as np
import pytest
from browser import hostile
from browser.rrweb_events import click, element, opened, rage, text
from export.rendering.sessions import tools
from export.rendering.test_render_video import GREEN, RED, colored
from export.test_access import delete_session
from export.test_formats import ago, error, network, page, record, tick
from PIL import Image
from support.export import CSV, FAILED, INTERACTIONS, JSON, PDF, export_service
from support.pdf_file import PdfFile
from support.require import missing
from support.share import refusal, seconds

from services.export.formats import report_sessions
from services.export.rendering import browser as browser_module
from services.export.rendering.processes import guarded
from services.export.worker.app import work

CONSOLE = "https://replay.example/console"
LETTER = 2
SETTLE_S = 1.0
"""Time in which forbidden effects could happen after the report."""
A4_PT, LETTER_PT = "595.92 x 841.92 pts (A4)", "612 x 792 pts (letter)"


@pytest.fixture(autouse=True)
def found_tools():
    """Skips where the programs are missing."""
    return tools()


@pytest.fixture
def export_settings(export_settings):
    """With the address of a console."""
    return export_settings.model_copy(
        update={"share": export_settings.share.model_copy(update={"public_url": f"{CONSOLE}/"})}
    )


def with_browser(settings, name):
    return settings.model_copy(update={"export": settings.export.model_copy(update={"browser": name})})


async def report_of(exports, session, into, **options):
    content = {"report": options} if options else {}
    export = await exports.of_session(session, PDF, **content)
    return PdfFile(await exports.file(export), into, export.export_id)


def buttoned(words="Pay now"):
    return [element(20, "button", {"style": "position: fixed; left: 50px; top: 80px"}, text(21, words))]


def troubled(start):
    """Two pages, a rage click on a button, an error after it, a failed request, a pause of 22 s."""
    return [
        *colored(start, RED, url="https://shop.example/cart", more=buttoned()),
        *[{**event, "data": {**event["data"], "id": 20}} for event in rage(start + 3_000)],
        error(start + 5_000, "basket is not defined"),
        network(start + 6_000, {"name": "https://shop.example/api/pay", "method": "POST", "responseStatus": 503}),
        *colored(start + 8_000, GREEN, url="https://shop.example/thanks"),
        click(start + 9_000),
        tick(start + 31_000, 1),
    ]


def is_in(picture, color, least=1_000):
    """Whether a page has a patch of a colour."""
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    return int((np.abs(pixels - color).sum(axis=2) < 30).sum()) > least


async def test_a_session(exports, audit, tmp_path):
    start = ago(600)
    session, _ = await record(audit, [[troubled(start)]], tags={"plan": "gold"}, actor_id="alice")
    export = await exports.of_session(session, PDF)
    data = await exports.file(export)
    done = await exports.get(export.export_id)
    assert (done.file.name, done.file.content_type) == (f"session-{session}.pdf", "application/pdf")
    assert done.progress.done_count == done.progress.planned_count > 4
    file = PdfFile(data, tmp_path)
    file.check()
    for fact in [
        "Report of a session shop.example/cart",
        f"{datetime.fromtimestamp(start / 1000, UTC):%A, %B %-d, %Y at %-I:%M:%S %p UTC}",
        "The session lasted 31 s, 0.5 s of it active: 2 pages, 11 clicks, 0 inputs.",
        "Signs of frustration: 1 rage click, 1 click that an error followed.",
        "Recorded: 1 error on the console, 1 failed request.",
        *("Visitor alice Kind Signed-in user", "Viewport 1280 \u00d7 720", "Tags plan gold", session[:20]),
        "Rage click: 10 times on Pay now",
        "the page did not answer as the visitor expected.",
        "Error after click on Pay now: basket is not defined",
        *("/thanks https://shop.example/thanks 0:08 23 s until left", "Request failed: POST /api/pay 503"),
        *("Hatched: pause", "Nothing: the browser sent no data that the privacy policy masks."),
    ]:
        assert fact in file.text
    assert file.facts["Tagged"] == "yes"
    assert {"H1", "H2", "H3", "Table", "TH", "TD", "Figure", "L", "P"} <= set(file.tags)
    headings = ["Summary", "Facts", "Findings", "Pages", "Console errors", "Failed requests", "Masked and lost"]
    assert set(headings) <= set(file.outline)
    assert file.facts["Title"] == f"Session {session}"
    count = int(file.facts["Pages"])
    assert [f"Page {number} of {count}" in page for number, page in enumerate(file.pages, 1)] == [True] * count
    assert all(f"Session {session}" in page for page in file.pages)
    address = f"{CONSOLE}/sessions/{session}"
    assert {address, f"{address}?t=3", f"{address}?t=8"} <= set(file.links)
    assert all(link.startswith(address) for link in file.links)
    # Pictures of both pages.
    drawn = file.pictures()
    assert all(any(is_in(picture, color) for picture in drawn) for color in (RED, GREEN))


async def test_paper_time_zone_and_language(exports, audit, tmp_path):
    start = ago(600)
    session, _ = await record(audit, [[colored(start, RED)]])
    export = await exports.of_session(
        session, PDF, report={"paper": LETTER, "time_zone": "Asia/Kolkata", "language": "de"}
    )
    file = PdfFile(await exports.file(export), tmp_path, "letter")
    at = datetime.fromtimestamp(start / 1000, ZoneInfo("Asia/Kolkata"))
    months = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()
    assert f"{at.day}. {months[at.month - 1]} {at.year} um {at:%H:%M:%S} GMT+5:30" in file.text
    assert file.facts["Page size"] == LETTER_PT
    shown = (await exports.get(export.export_id)).session.report
    assert (shown.paper, shown.time_zone, shown.language) == (LETTER, "Asia/Kolkata", "de")
    plain = await report_of(exports, session, tmp_path)
    assert plain.facts["Page size"] == A4_PT


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"time_zone": "Europe/Nowhere"}, "session.report.time_zone"),
        ({"time_zone": "../../etc/passwd"}, "session.report.time_zone"),
        ({"language": "not a language"}, "session.report.language"),
        ({"language": "x"}, "session.report.language"),
        ({"paper": 99}, "session.report.paper"),
    ],
)
async def test_invalid_options_are_one_clear_refusal(idle_exports, audit, options, field):
    session, _ = await record(audit, [[colored(ago(60), RED)]])
    refused = await refusal(idle_exports.of_session(session, PDF, report=options))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, {field})


async def test_options_and_ranges_that_do_not_fit_are_refused(idle_exports, audit):
    session, (window,) = await record(audit, [[colored(ago(60), RED)]])
    whole = {"window_id": window, "start_offset": seconds(0), "end_offset": seconds(1)}
    refused = await refusal(idle_exports.of_session(session, PDF, **whole))
    assert refused.fields == {"session.window_id", "session.start_offset", "session.end_offset"}
    refused = await refusal(idle_exports.of_session(session, JSON, report={}))
    assert refused.fields == {"session.report"}


def lone_event(start):
    return [[[tick(start, 1)]]]


def without_snapshot(start):
    long = " ".join(f"part{n}" for n in range(60))
    errors = [error(start + 1_000, "it is broken"), error(start + 1_500, long)]
    return [[[page(start), click(start + 500), *errors, tick(start + 2_000, 1)]]]


def harmless(start):
    return [[[*colored(start, RED), click(start + 500), tick(start + 9_000, 1)]]]


def with_losses(start):
    payload = {"reason": "queue_full", "events": 7, "bytes": 70, "fromMs": start, "toMs": start}
    replaced = {"pictures": 2, "fonts": 1, "other": 0, "bytes": 9, "limitBytes": 5}
    custom = [
        {"type": 5, "timestamp": start + 50, "data": {"tag": f"afterimage.{tag}", "payload": body}}
        for tag, body in (("dropped", payload), ("replaced", replaced))
    ]
    picture = element(30, "img", {"src": "https://pictures.example/a.png", "width": "20", "height": "20"})
    return [[[*colored(start, RED, more=[picture]), *custom, {"type": 99, "timestamp": start + 60, "data": {}}]]]


NO_PICTURES = "There are no pictures: the recording has no full snapshot of a page."


@pytest.mark.catalogue("no snapshot", "losses")
@pytest.mark.parametrize(
    ("windows", "facts"),
    [
        (lone_event, ["0 pages, 0 clicks", "No page was recorded.", "No signs of frustration"]),
        (without_snapshot, [NO_PICTURES, "it is broken", "part0 part1", "part59", "1 page, 1 click"]),
        (
            harmless,
            ["No signs of frustration were found.", "No errors and no failed requests", "No request failed, or"],
        ),
        (
            with_losses,
            [
                "7 events are missing: the installation was unavailable until the recorder's queue was full.",
                "Not recorded, for their size: 2 pictures, 1 font.",
                "Left out: a kind of event that this player does not know (1 \u00d7).",
                "1 picture is not shown: the recorded pages named them",
            ],
        ),
    ],
    ids=["one event", "no snapshot", "no findings", "losses"],
)
async def test_what_is_missing_is_said(exports, audit, tmp_path, windows, facts):
    session, _ = await record(audit, windows(ago(600)))
    file = await report_of(exports, session, tmp_path)
    file.check()
    assert [fact for fact in facts if fact not in file.text] == []


async def test_a_live_session_is_reported_up_to_now(exports, audit, tmp_path):
    session, _ = await record(audit, [[colored(ago(5), RED)]], is_ended=False)
    file = await report_of(exports, session, tmp_path)
    assert "The session is still live: the report has everything that was stored up to" in file.text


async def test_limits_are_named(exports, audit, tmp_path):
    start = ago(6_000)
    events = [event for n in range(120) for event in colored(start + n * 5_000, RED, url=f"https://shop.example/p{n}")]
    errors = [error(start + n * 5_000 + 100, f"fault number {n}") for n in range(120) for _ in range(2)]
    requests = [
        network(start + n * 2_500 + 300, {"name": f"https://shop.example/r{n}", "method": "GET", "responseStatus": 500})
        for n in range(210)
    ]
    everything = sorted([*events, *errors, *requests], key=lambda event: event["timestamp"])
    session, _ = await record(audit, [[everything[:300], everything[300:]]])
    file = await report_of(exports, session, tmp_path)
    file.check()
    for fact in [
        "These are the first 100 of 120 pages.",
        "Only the first 24 pages have a picture.",
        "These are the first 200 of 210 failed requests.",
        *("/p99 https://shop.example/p99", "fault number 119", "/r199"),
    ]:
        assert fact in file.text
    assert "/p100" not in file.text
    assert "/r200" not in file.text


async def test_hostile_texts_are_only_texts(exports, audit, tmp_path):
    start = ago(600)
    tag = "</title></script><script>document.title = 'owned'</script><img src=x onerror=alert(1)><h2>Owned</h2>"
    link = "javascript:alert(1)//"
    events = [
        *colored(start, RED, url=f"https://shop.example/{tag}", more=buttoned(tag)),
        *[{**event, "data": {**event["data"], "id": 20}} for event in rage(start + 1_000)],
        error(start + 2_000, f"{tag} {chr(0x202E)}desrever{chr(0)} {'long' * 2_000}"),
        *colored(start + 3_000, GREEN, url=link),
        network(start + 4_000, {"name": f"https://x.example/{tag}", "method": "GET", "responseStatus": 500}),
        tick(start + 5_000, 1),
    ]
    session, _ = await record(audit, [[events]], tags={"note": tag[:60]}, actor_id=tag)
    file = await report_of(exports, session, tmp_path)
    file.check()
    assert file.facts["Title"] == f"Session {session}"
    assert file.facts["JavaScript"] == "no"
    assert file.scripts == []
    assert "Owned" not in file.outline
    assert all(link.startswith(f"{CONSOLE}/sessions/{session}") for link in file.links)
    assert "<script>document.title" in file.text


async def test_nothing_leaves(exports, audit, tmp_path, monkeypatch):
    """The browser alone must hold, too, where the system gives no network namespace."""
    monkeypatch.setattr(browser_module, "guarded", partial(guarded, has_network=True))
    start = ago(600)
    async with hostile.elsewhere() as elsewhere:
        home = elsewhere.url
        image = f"{home}/<img src={home}/address.png>"
        events = [*opened(start, image, hostile.nodes(home)), *hostile.later(start, home)]
        more = [error(start + 1_000, image), *colored(start + 4_000, RED, url=f"{home}/second")]
        session, _ = await record(audit, [[[*events, *more, tick(start + 9_000, 1)]]], actor_id=image)
        file = await report_of(exports, session, tmp_path)
        await asyncio.sleep(SETTLE_S)
        assert elsewhere.reached == []
    assert f"{home}/second" in file.text


async def test_the_same_report_has_the_same_bytes(exports, audit, tmp_path, monkeypatch):
    session, _ = await record(audit, [[troubled(ago(600))]])
    made = []
    for _ in range(2):
        export = await exports.of_session(session, PDF)
        made.append((export, await exports.file(export)))
    (one, first), (other, second) = made
    dates = [
        b"(D:%s+00'00')" % each.create_time.ToDatetime().strftime("%Y%m%d%H%M%S").encode() for each in (one, other)
    ]
    assert first.count(dates[0]) == 2
    assert len(first) == len(second)
    # The date is also at the end of the report, in minutes.
    assert (
        first.replace(dates[0], dates[1]) == second or one.create_time.seconds // 60 != other.create_time.seconds // 60
    )


@pytest.fixture
def chromium():
    """Another Chromium than the headless shell: it draws no frames on command."""
    return shutil.which("chromium") or missing("reports by another Chromium are NOT tested: chromium not found")


@pytest.mark.catalogue(like="test_a_session")
async def test_another_chromium_makes_reports(export_settings, audit, mint, clock, tmp_path, chromium):
    session, _ = await record(audit, [[troubled(ago(600))]])
    url = "https://heat.example/chromium"
    await record(audit, [[visited(ago(900), url)]])
    settings = with_browser(export_settings, chromium)
    async with export_service(settings, mint, now=clock) as exports, work(settings, now=clock):
        file = await report_of(exports, session, tmp_path)
        _, page_file = await heatmaps_of(exports, tmp_path, url, kinds=[1])
    file.check()
    assert "Rage click: 10 times on Pay now" in file.text
    assert file.facts["Tagged"] == "yes"
    assert any(is_in(picture, RED) for picture in file.pictures())
    # The colours of the hottest place are drawn over the page.
    assert any(is_in(picture, (252, 220, 40), least=5) for picture in page_file.pictures(150))


async def test_without_a_browser_the_failure_names_the_package(export_settings, audit, mint, clock, monkeypatch):
    session, _ = await record(audit, [[colored(ago(60), RED)]])
    settings = with_browser(export_settings, "no-such-browser")
    async with export_service(settings, mint, now=clock) as exports, work(settings, now=clock):
        ended = await exports.ended((await exports.of_session(session, PDF)).export_id)
    assert (ended.state, ended.failure.reason, ended.attempt_count) == (FAILED, "TOOL_MISSING", 1)
    assert "install the package chromium-headless-shell" in ended.failure.message


async def list_of(exports, into, tag, **options):
    content = {"report": options} if options else {}
    export = await exports.of_table(fmt=PDF, filter={"tags": {"list": tag}}, **content)
    return await exports.get(export.export_id), PdfFile(await exports.file(export), into, export.export_id)


async def test_sessions_under_a_filter(exports, audit, tmp_path):
    tag = {"list": "shop"}
    day = 86_400
    bad, _ = await record(audit, [[troubled(ago(600))]], tags=tag, actor_id="alice")
    await record(audit, [[troubled(ago(day + 700))]], tags=tag, actor_id="alice")
    await record(audit, harmless(ago(2 * day + 700)), tags=tag, actor_id="bob")
    await record(audit, [[troubled(ago(500))]], tags={"list": "other"})
    export, file = await list_of(exports, tmp_path, "shop")
    file.check()
    ended = await exports.ended(export.export_id)
    assert ended.file.name.startswith("sessions-20")
    for fact in [
        "Report of sessions 3 sessions tag list is shop",
        "3 sessions by 2 known visitors, 1 min 11 s in all: 5 pages, 23 clicks.",
        "2 sessions (67 %) had errors, failed requests or signs of frustration.",
        *("Errors 2 2 67 %", "Rage clicks 2 2 67 %", "Dead clicks 2 2 67 %", "Quick backs 0 0 0 %"),
        # Views, sessions, errors, failed requests, rage clicks, dead clicks, quick backs.
        "https://shop.example/cart 2 2 2 2 2 2 0",
        *("https://shop.example/thanks 2 2 0 0 0 0 0", "https://shop.example/a 1 1 0 0 0 0 0"),
        "Pay now",
        "https://shop.example/cart 2 2 2 2",
        "1 error, 1 rage click, 1 dead click, 1 failed request",
    ]:
        assert fact in file.text
    headings = ["Summary", "By finding", "By day", "Worst pages", "Most seen pages", "Worst elements"]
    assert {*headings, "Sessions with the most findings"} <= set(file.outline)
    assert f"{CONSOLE}/sessions/{bad}" in file.links
    days = [datetime.fromtimestamp(ago(seconds_ago) / 1000, UTC) for seconds_ago in (600, day + 700, 2 * day + 700)]
    for at, clicks in zip(days, (11, 11, 1), strict=True):
        assert f"{at:%b %-d, %Y} 1 {clicks} " in file.text


async def test_sessions_are_counted_by_day_of_the_time_zone(exports, audit, tmp_path):
    at = int(datetime.now(UTC).replace(hour=0, minute=30, second=0, microsecond=0).timestamp()) - 2 * 86_400
    await record(audit, harmless(at * 1_000), tags={"list": "zones"})
    _, there = await list_of(exports, tmp_path, "zones", time_zone="America/New_York", language="de")
    _, here = await list_of(exports, tmp_path, "zones", language="de")
    day = datetime.fromtimestamp(at, UTC)
    before = datetime.fromtimestamp(at - 86_400, UTC)
    assert f"{day:%d.%m.%Y} 1 1 0" in here.text
    assert f"{before:%d.%m.%Y} 1 1 0" in there.text


async def test_no_sessions_are_a_report_that_says_so(exports, tmp_path):
    _, file = await list_of(exports, tmp_path, "nothing")
    file.check()
    assert "No session is under the filter." in file.text


async def test_limits_of_a_list_are_named(exports, audit, tmp_path, monkeypatch):
    for n in range(3):
        await record(audit, harmless(ago(900 + n)), tags={"list": "many"})
    monkeypatch.setattr(report_sessions, "MAX_READ_SESSIONS", 1)
    _, file = await list_of(exports, tmp_path, "many")
    assert "Pages and elements are those of the newest 1 of 3 sessions." in file.text
    monkeypatch.setattr(report_sessions, "MAX_SESSIONS", 2)
    _, file = await list_of(exports, tmp_path, "many")
    assert "There are more sessions: these are the newest 2." in file.text
    assert "Report of sessions 2 sessions" in file.text


async def test_a_report_goes_with_a_session_in_it(exports, audit, tmp_path):
    session, _ = await record(audit, harmless(ago(900)), tags={"list": "deleted"})
    export, _ = await list_of(exports, tmp_path, "deleted")
    await delete_session(audit, session)
    refused = await refusal(exports.download(export.export_id))
    assert refused.code is grpc.StatusCode.NOT_FOUND


async def test_a_list_that_is_no_report_has_no_options_of_one(idle_exports):
    assert (await refusal(idle_exports.of_table(fmt=CSV, report={}))).fields == {"table.report"}
    assert (await refusal(idle_exports.of_table(INTERACTIONS, PDF))).fields == {"table.table"}
    assert (await refusal(idle_exports.of_table(fmt=PDF, report={"language": "?"}))).fields == {"table.report.language"}


KINDS = ["Clicks", "Moves", "Scroll", "Rage clicks", "Dead clicks", "Attention"]


def visited(start, page_url, *, size=(1280, 720), height=2_000):
    """A page that is taller than its window, with clicks on a button, a rage click and pointer positions."""
    extent = {"tag": "afterimage.page", "payload": {"width": size[0], "height": height}}
    inner = [element(30, "div", {"style": f"height: {height}px; background: rgb{GREEN}"}), *buttoned("Order & pay")]
    events = colored(start, GREEN, url=page_url, more=inner, size=size)
    moves = {"source": 1, "positions": [{"x": 300, "y": 400 + n, "id": 20, "timeOffset": -n * 50} for n in range(8)]}
    return [
        *events,
        {"type": 5, "timestamp": start + 2, "data": extent},
        *[{**event, "data": {**event["data"], "id": 20}} for event in rage(start + 3_000)],
        {"type": 3, "timestamp": start + 6_000, "data": moves},
        click(start + 7_000, x=600, y=300, node=30),
        {"type": 3, "timestamp": start + 7_500, "data": {"source": 3, "id": 1, "x": 0, "y": 300}},
        tick(start + 20_000, 1),
    ]


async def heatmaps_of(exports, into, page_url, **content):
    export = await exports.create(heatmap={"page": page_url, **content}, format=PDF)
    file = PdfFile(await exports.file(export), into, export.export_id)
    return await exports.get(export.export_id), file


async def test_heatmaps_of_a_page(exports, audit, tmp_path):
    url = "https://heat.example/order"
    for n in range(3):
        await record(audit, [[visited(ago(900 + n), url)]])
    export, file = await heatmaps_of(exports, tmp_path, url, report={"paper": LETTER})
    file.check()
    assert export.file.name.startswith("heatmaps-20")
    assert export.heatmap.page == url
    for fact in [
        "Report of a page heat.example/order All interactions",
        "The page is shown as a visitor saw it on",
        *("Where visitors clicked or tapped.", "33 clicks in 3 sessions."),
        *("Most clicked", "Order & pay", "30 91 % 3", "3 rage clicks in 3 sessions."),
    ]:
        assert fact in file.text
    assert set(KINDS) <= set(file.outline)
    assert file.facts["Tagged"] == "yes"
    assert file.facts["Page size"] == LETTER_PT
    assert any(link.startswith(f"{CONSOLE}/heatmap?page=https%3A%2F%2Fheat.example%2Forder") for link in file.links)
    drawn = file.pictures(70)
    assert any(is_in(picture, np.array(GREEN) * 0.78 + np.array((16, 19, 26)) * 0.22) for picture in drawn)


async def test_kinds_and_filters_of_heatmaps(exports, audit, tmp_path):
    url = "https://heat.example/filtered"
    await record(audit, [[visited(ago(900), url)]])
    _, file = await heatmaps_of(exports, tmp_path, url, kinds=[4, 1], min_viewport_width=1_000)
    assert [heading for heading in file.outline if heading in KINDS] == ["Rage clicks", "Clicks"]
    assert "viewports from 1000 px" in file.text
    _, file = await heatmaps_of(exports, tmp_path, url, min_viewport_width=2_000)
    file.check()
    assert "There are no clicks on this page with these filters." in file.text
    assert "None of the newest sessions shows this page" in file.text


async def test_an_unknown_page_is_a_report_that_says_so(exports, tmp_path):
    _, file = await heatmaps_of(exports, tmp_path, "https://nowhere.example/<script>alert(1)</script>")
    file.check()
    assert "nowhere.example/<script>alert(1)</script>" in file.text
    assert file.text.count("with these filters.") == 6


async def test_heatmaps_go_with_the_session_of_their_picture(exports, audit, tmp_path):
    url = "https://heat.example/deleted"
    session, _ = await record(audit, [[visited(ago(900), url)]])
    export, _ = await heatmaps_of(exports, tmp_path, url, kinds=[1])
    await delete_session(audit, session)
    assert (await refusal(exports.download(export.export_id))).code is grpc.StatusCode.NOT_FOUND


async def test_a_tall_page_of_a_phone_is_in_columns(exports, audit, tmp_path):
    url = "https://heat.example/tall"
    await record(audit, [[visited(ago(900), url, size=(390, 844), height=6_000)]])
    _, file = await heatmaps_of(exports, tmp_path, url, kinds=[1, 3])
    file.check()
    for name in ("Clicks", "Scroll"):
        assert [alternative for alternative in file.alternatives if alternative.startswith(name)] == [
            f"{name}, part {number} of 4 from the top" for number in (1, 2, 3, 4)
        ]


async def test_invalid_heatmaps_are_refused(idle_exports):
    wanted = {"min_viewport_width": 9, "max_viewport_width": 8, "kinds": [99], "report": {"time_zone": "Mars"}}
    refused = await refusal(idle_exports.create(heatmap={"page": "", **wanted}, format=PDF))
    fields = {"page", "max_viewport_width", "kinds", "report.time_zone"}
    assert refused.fields == {f"heatmap.{field}" for field in fields}
    refused = await refusal(idle_exports.create(heatmap={"page": "x"}, format=CSV))
    assert refused.fields == {"format"}
