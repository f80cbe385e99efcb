"""Files that are not rrweb recordings, by name: a HAR file must not end as sixteen damaged events."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from services.cli.transfer.inflate import is_list, is_object, is_string
from services.export.rrweb_json.surrogates import hide_lone_surrogates

_Members = Mapping[str, msgspec.Raw]

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_values = msgspec.json.Decoder(list[msgspec.Raw])


def _is_har(members: _Members) -> bool:
    return _has(members.get("log"), "entries")


def _is_clarity(members: _Members) -> bool:
    """A payload of clarity-js: envelope, analysis and playback, each a list; or one that clarity-decode read."""
    short = {"e", "a"} <= set(members) <= {"e", "a", "p"} and all(map(is_list, members.values()))
    return short or ("envelope" in members and _has(members["envelope"], "sequence", "projectId"))


def _is_fullstory(members: _Members) -> bool:
    return "Evts" in members or {"EventStart", "EventType"} <= set(members) or "IndvId" in members


def _is_logrocket(members: _Members) -> bool:
    return "recordingID" in members or "logRocketSessionUrl" in members


def _is_hotjar(members: _Members) -> bool:
    return bool({"hotjar_user_id", "hj_user_id", "recording_url"} & set(members)) or (
        {"site_id", "recordings"} <= set(members)
    )


def _is_datadog(members: _Members) -> bool:
    return "records" in members and {"application", "session", "view"} & set(members) != set()


_VENDORS = {
    b"logrocket": "LogRocket",
    b"hotjar": "Hotjar",
    b"fullstory": "FullStory",
    b"clarity.ms": "Microsoft Clarity",
    b"openreplay": "OpenReplay",
    b"mouseflow": "Mouseflow",
    b"smartlook": "Smartlook",
    b"inspectlet": "Inspectlet",
    b"luckyorange": "Lucky Orange",
    b"contentsquare": "Contentsquare",
    b"quantummetric": "Quantum Metric",
}
_SEARCHED_BYTES = 65_536


def _has(raw: msgspec.Raw | None, *names: str) -> bool:
    """Whether a value is an object with any of some members."""
    return raw is not None and is_object(raw) and any(name in _members.decode(raw) for name in names)


def _are_sources(members: _Members) -> bool:
    sources = members.get("sources")
    if sources is None or not is_list(sources) or "snapshots" in members:
        return False
    values = _values.decode(sources)
    return bool(values) and all(_has(value, "source", "blob_key") for value in values)


def _is_error(members: _Members) -> bool:
    words = [members[name] for name in ("detail", "error", "message") if name in members]
    return bool(words) and is_string(words[0]) and not {"events", "snapshots", "data", "type"} & set(members)


_NAMES: tuple[tuple[str, Callable[[_Members], bool]], ...] = (
    ("a HAR file, not a recording: it has requests and no picture", _is_har),
    ("data of Microsoft Clarity, not an rrweb recording", _is_clarity),
    ("data of FullStory, not an rrweb recording", _is_fullstory),
    ("data of LogRocket, not an rrweb recording", _is_logrocket),
    ("data of Hotjar, not an rrweb recording", _is_hotjar),
    ("a segment of Datadog's session replay, not an rrweb recording", _is_datadog),
    ("a performance trace of Chrome, not a recording", lambda members: "traceEvents" in members),
    ("a CPU profile, not a recording", lambda members: {"nodes", "samples", "timeDeltas"} <= set(members)),
    ("a flow of Chrome's Recorder, not a recording", lambda members: {"title", "steps"} <= set(members)),
    ("a project of Selenium IDE, not a recording", lambda members: {"tests", "suites"} <= set(members)),
    ("a Lottie animation, not a recording", lambda members: {"layers", "ip", "op", "fr"} <= set(members)),
    ("PostHog's list of a recording's sources, not the recording", _are_sources),
    ("an answer that reports an error, not a recording", _is_error),
)


def foreign_json(text: bytes) -> str | None:
    """Returns the name of JSON that is known not to be a recording; None: it may be one.

    Args:
        text: Valid JSON.

    Raises:
        msgspec.DecodeError, RecursionError: It is not.
    """
    raw = msgspec.json.decode(hide_lone_surrogates(text), type=msgspec.Raw)
    if is_list(raw) and (values := _values.decode(raw)) and is_object(values[0]):
        raw = values[0]
    if not is_object(raw):
        return None
    members = _members.decode(raw)
    if {"type", "timestamp"} <= set(members):
        return None
    return next((name for name, matches in _NAMES if matches(members)), None)


def foreign_text(text: bytes) -> str | None:
    """Returns the name of a text that is not JSON or has no event, by its first bytes; None: unknown."""
    start = text[:_SEARCHED_BYTES].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not a recording: perhaps the page that asks to sign in"
    if start.startswith((b"<?xml", b"<")):
        return "an XML document, not a recording"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS: fetch the file itself with `git lfs pull`"
    return next((f"data of {name}, not an rrweb recording" for word, name in _VENDORS.items() if word in start), None)
