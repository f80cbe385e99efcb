"""The kind of device: by the user agent, else by the viewport and touches."""

from __future__ import annotations

import json

import pytest

from services.audit.ingest.device import device_type_of, touched_in

UNKNOWN, DESKTOP, MOBILE, TABLET = 0, 1, 2, 3
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17 Safari/605"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605 Version/17.4 Mobile/15E148 Safari/604"


@pytest.mark.parametrize(
    ("agent", "viewport", "touched", "device"),
    [
        (WINDOWS, (390, 844), None, DESKTOP),  # a narrow window
        (WINDOWS, (1280, 720), True, DESKTOP),  # a laptop with a touch screen
        (IPHONE, (844, 390), None, MOBILE),
        (MAC, (1280, 720), False, DESKTOP),
        (MAC, (1280, 720), None, DESKTOP),
        (MAC, (1180, 820), True, TABLET),  # an iPad
        ("", (390, 844), None, MOBILE),
        ("", (844, 390), True, MOBILE),  # turned
        ("", (820, 1180), True, TABLET),
        ("", (1376, 1032), True, TABLET),
        ("", (1920, 1080), True, DESKTOP),
        ("", (390, 844), False, DESKTOP),  # a mouse
        ("", (1280, 720), None, DESKTOP),
        ("", (820, 1180), None, UNKNOWN),  # a tablet, or half a screen
        ("", (300, 250), None, UNKNOWN),
        ("", (0, 0), True, UNKNOWN),
        ("", (0, 800), None, UNKNOWN),
        ("no browser", (390, 844), True, MOBILE),
    ],
)
def test_the_device(agent, viewport, touched, device):
    assert device_type_of(agent, viewport, touched=touched) == device


def events(*data: dict, kind: int = 3) -> list[bytes]:
    return [json.dumps({"type": kind, "data": one, "timestamp": 1}).encode() for one in data]


@pytest.mark.parametrize(
    ("recording", "touched"),
    [
        ([], None),
        (events({"source": 6, "positions": []}), None),  # also of a mouse in a frame
        (events({"source": 2, "type": 5, "id": 3}), None),  # focus
        (events({"source": 2, "type": 2, "id": 3, "pointerType": 0}), False),
        (events({"source": 2, "type": 2, "id": 3, "pointerType": 2}), True),
        (events({"source": 2, "type": 7, "id": 3}), True),
        (events({"source": 2, "type": 2, "id": 3}, {"source": 2, "type": 9, "id": 3}), True),
        (events({"source": 2, "type": 7}, kind=5), None),
        ([b'{"source"', b'{"type":3,"data":{"source":"2"}}', b'\xff"source"'], None),
        ([b'{"type":3,"data":{"source":2,"type":7,"x":"' + b"x" * 5_000 + b'"}}'], None),
    ],
)
def test_touches_of_a_recording(recording, touched):
    assert touched_in(recording) is touched
