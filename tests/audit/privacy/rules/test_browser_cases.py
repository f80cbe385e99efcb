"""Cases with which the recorder's rules are tested, too (sidecar/web/recorder/test/masking): both must agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy

SHARED = json.loads((Path(__file__).parent / "browser_cases.json").read_text())
TEXT = TextMasker(load_policy(SHARED["policy"], None, "test"), b"k" * 32)


@pytest.mark.parametrize("case", SHARED["cases"], ids=[case["text"] for case in SHARED["cases"]])
def test_the_server_agrees_with_the_browser(case):
    key = "href" if case["kind"] == "url" else ""
    assert TEXT.mask(case["text"], "text", Counts(), key=key) == case["masked"]
