"""Times, chapters and captions of videos."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from services.export.rendering.captions import ffmetadata, web_vtt
from services.export.rendering.model import Finding, PageView
from services.export.rendering.timeline import NOTE_MS, Caption, Timeline

SPANS = [("a", 1_000, 4_000), ("b", 4_000, 6_000), ("b", 26_000, 30_000)]
PAUSES = [(6_000, 26_000)]
LINE = Timeline(SPANS, PAUSES, 100)


def test_moments_of_the_video_and_the_session():
    assert LINE.duration_ms == 9_000
    assert LINE.skipped_ms == 20_000
    assert [LINE.session_ms(at) for at in (0, 2_999, 3_000, 4_999, 5_000, 8_999)] == [
        1_000,
        3_999,
        4_000,
        5_999,
        26_000,
        29_999,
    ]
    assert [LINE.video_ms(at) for at in (0, 1_000, 4_500, 10_000, 26_000, 29_000, 99_000)] == [
        0,
        0,
        3_500,
        5_000,
        5_000,
        8_000,
        9_000,
    ]


@given(st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 5_000)), min_size=1, max_size=20))
def test_there_and_back(lengths):
    spans, at_ms = [], 0
    for length, gap in lengths:
        spans.append(("w", at_ms, at_ms + length))
        at_ms += length + gap
    line = Timeline(spans, (), 100)
    for video_ms in range(0, sum(length for length, _ in lengths), 97):
        assert line.video_ms(line.session_ms(video_ms)) == video_ms


def test_a_skipped_pause_has_a_note_right_after_it():
    assert LINE.notes == [Caption(26_000, 26_000 + NOTE_MS, "20 s without activity skipped")]
    assert LINE.in_video(LINE.notes) == [Caption(5_000, 5_000 + NOTE_MS, "20 s without activity skipped")]
    hours = Timeline([("a", 0, 1_000)], [(0, 7_384_000)], 100)
    assert hours.notes[0].text == "2 h 3 min without activity skipped"


def test_captions_are_those_of_the_range_and_end_with_the_video():
    found = LINE.captions(
        [Finding(500, "before"), Finding(2_000, "in"), Finding(29_500, "last"), Finding(31_000, "after")]
    )
    assert [(one.from_ms, one.to_ms, one.text) for one in LINE.in_video(found)] == [
        (1_000, 4_000, "in"),
        (8_500, 9_000, "last"),
    ]


def test_chapters_are_the_pages_that_are_seen():
    pages = [
        PageView("a", "https://x/early", 0),
        PageView("a", "https://x/first", 900),
        PageView("a", "https://x/second", 2_500),
        PageView("b", "https://x/other-tab", 3_000),
        PageView("b", "https://x/in-the-pause", 10_000),
        PageView("a", "https://x/never", 28_000),
    ]
    assert LINE.chapters(pages) == [
        Caption(0, 1_500, "https://x/first"),
        Caption(1_500, 3_000, "https://x/second"),
        Caption(3_000, 5_000, "https://x/other-tab"),
        Caption(5_000, 9_000, "https://x/in-the-pause"),
    ]
    assert LINE.chapters([]) == []


def test_web_vtt_holds_any_text():
    text = web_vtt([Caption(3_723_004, 3_724_000, "a\n\n<b> --> &c\u0000\u202e"), Caption(0, 1, "\n \n")])
    assert text == (
        "WEBVTT\n\n01:02:03.004 --> 01:02:04.000\na\n&lt;b&gt; --&gt; &amp;c\n\n00:00:00.000 --> 00:00:00.001\n-\n"
    )


def test_chapters_hold_any_text():
    text = ffmetadata([Caption(0, 5, "a=b;c#d\\e\nTITLE=f")], "")
    assert "title=a\\=b\\;c\\#d\\\\e TITLE\\=f\n" in text
    assert text.count("[CHAPTER]") == 1
