"""Masking: one chunk's events with everything replaced that the policy does not let into storage.

A chunk goes through three looks. Its events are decoded in part, for what hangs on elements: form fields,
selectors, text modes (masking_nodes). Plugin and Custom payloads are opened (masking_plugins). Then one scan
over the raw bytes finds the strings in which a rule may find something, wherever they stand, also in
events and fields that nobody has heard of (masking_scan, masking_places, masking_text). What must change is replaced in
place; all other bytes stay as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from services.audit.payload import replace_lone_surrogates
from services.audit.privacy.edits import Edits
from services.audit.privacy.events import (
    Data,
    Event,
    bare_decoder,
    event_decoder,
    events_decoder,
    raws_decoder,
)
from services.audit.privacy.nodes import FIELD_TAGS, NodeMasker
from services.audit.privacy.places import Places
from services.audit.privacy.plugins import PayloadMasker, decode_any, encode_any
from services.audit.privacy.scan import Scanner
from services.audit.privacy.state import MAX_NODES, Flag, MaskState, compact, expand
from services.audit.privacy.text import MASK, Counts, TextMasker, is_masked
from services.audit.rrweb import EventType, IncrementalSource

if TYPE_CHECKING:
    from services.audit.privacy.events import Add, Node
    from services.audit.privacy.policy import Policy

__all__ = ["MASK", "MaskState", "Masked", "Masker"]

# Plain numbers: an IntEnum's comparison costs more than all else that is done with most events.
_FULL_SNAPSHOT, _INCREMENTAL = int(EventType.FULL_SNAPSHOT), int(EventType.INCREMENTAL_SNAPSHOT)
_CUSTOM, _PLUGIN = int(EventType.CUSTOM), int(EventType.PLUGIN)
_MUTATION, _INPUT = int(IncrementalSource.MUTATION), int(IncrementalSource.INPUT)
_CANVAS = int(IncrementalSource.CANVAS_MUTATION)


@dataclass(frozen=True, slots=True)
class Masked:
    """A chunk after masking.

    Attributes:
        text: The JSON; the very object that was given if nothing had to change.
        state: What to pass along with the window's next chunk.
        counts: How often each rule found something in each class of field; never what.
    """

    text: bytes
    state: MaskState
    counts: Counts


class Masker:
    """Masks chunks by one policy. Holds nothing between calls; may be shared by threads."""

    def __init__(self, policy: Policy, hash_key: bytes) -> None:
        """Compiles the policy.

        Args:
            policy: The policy.
            hash_key: Key of the method hash; equal values have equal hashes only under the same key.
        """
        self._policy = policy
        self._text = TextMasker(policy, hash_key)
        self._nodes = NodeMasker(policy)
        self._payloads = PayloadMasker(policy, self._text)
        self._scanner = Scanner(policy)

    def mask(self, state: MaskState, text: bytes) -> Masked:
        """Returns a chunk with everything masked.

        Args:
            state: The state after the window's chunk before; MaskState() for the first.
            text: A JSON array of rrweb events in UTF-8; may hold halves of surrogate pairs, as escapes.
        """
        if self._policy.keeps_all:
            return Masked(text, state, {})
        return _Chunk(self, state, text).run()

    def url(self, href: str) -> str:
        """Returns a page's URL with everything masked, as in a Meta event."""
        return href if self._policy.keeps_all else self._text.mask(href, "meta_href", {}, key="href")


class _Chunk:
    """The masking of one chunk."""

    def __init__(self, masker: Masker, state: MaskState, text: bytes) -> None:
        self._policy = masker._policy  # noqa: SLF001 - a chunk is the inside of a masker
        self._rules = masker._text  # noqa: SLF001
        self._nodes = masker._nodes  # noqa: SLF001
        self._payloads = masker._payloads  # noqa: SLF001
        self._scanner = masker._scanner  # noqa: SLF001
        self._original = text
        self._text, decoded = _decode(text)
        self._edits = Edits(self._text)
        self._state = state
        self._flags = expand(state)
        self._seen, self._full = state.seen, state.full
        self._changed = False
        self._counts: Counts = {}
        self._bare: list[Raw] | None = None
        self._places: Places | None = None
        self._events: list[Event] = decoded or []
        self._is_decoded = decoded is not None
        self._strings = self._scanner.strings(self._text)
        self._select = self._scanner.may_select(self._text, self._strings)
        self._default = self._unknown()

    def run(self) -> Masked:
        """Returns the masked chunk."""
        try:
            for event in self._events:
                self._event(event)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            self._is_decoded = False
        if not self._is_decoded:
            self._start_over()
        covers = self._edits.covers() if self._strings else []
        starts = [start for start, _ in covers]
        for start, end in self._strings:
            place = bisect_right(starts, start) - 1
            if place < 0 or covers[place][1] <= start:
                self._string(start, end)
        state = self._state
        if self._changed:
            state = compact(self._flags, seen=self._seen, full=self._full)
        return Masked(self._edits.apply(self._original), state, self._counts)

    # Events

    def _event(self, event: Event, whole: Raw | None = None) -> None:
        """Masks an event; `whole` is its data as it stands in the text, where that is known already."""
        data = event.data
        if data is UNSET:
            return
        kind = event.type
        if kind == _INCREMENTAL:
            source = data.source
            if source == _MUTATION:
                self._mutation(data)
            elif source == _INPUT:
                self._input(data)
            elif source == _CANVAS:
                self._canvas(data, self._data_of(event) if whole is None else whole)
        elif kind == _FULL_SNAPSHOT:
            if data.node is UNSET:
                raise ValueError("a full snapshot without a node")
            self._seen, self._full, self._changed = True, False, True
            self._flags = {}
            self._default = self._unknown()
            self._walk(data.node, self._default)
        elif kind in {_PLUGIN, _CUSTOM}:
            self._payload(kind, data)

    def _start_over(self) -> None:
        """Takes the events one by one; those whose data is not as it should be have all their strings masked."""
        self._edits = Edits(self._text)
        self._flags = expand(self._state)
        self._seen, self._full, self._counts = self._state.seen, self._state.full, {}
        self._default = self._unknown()
        self._events = []
        for raw, bare in zip(raws_decoder.decode(self._text), bare_decoder.decode(self._text), strict=True):
            try:
                event = event_decoder.decode(raw)
                self._event(event, bare.data if bare.data is not UNSET else None)
            except (msgspec.MsgspecError, RecursionError, ValueError):
                event = Event(bare.type)
                if bare.data is not UNSET and bare.type in {2, 3}:
                    self._mask_whole(bare.data)
            self._events.append(event)

    def _mask_whole(self, data: Raw) -> None:
        counted = ("malformed", "other")

        def masked(value: Any) -> Any:
            if isinstance(value, str):
                if is_masked(value):
                    return value
                self._counts[counted] = self._counts.get(counted, 0) + 1
                return MASK
            if isinstance(value, list):
                return [masked(each) for each in value]
            if isinstance(value, dict):
                return {
                    self._rules.mask(key, "other", self._counts): each if key == "tagName" else masked(each)
                    for key, each in value.items()
                }
            return value

        try:
            decoded = decode_any(data)
            after = masked(decoded)
        except (ValueError, RecursionError):
            decoded, after = None, {}
        if after != decoded:
            self._edits.replace(data, encode_any(after))

    def _walk(self, node: Node, above: int) -> None:
        flags = self._flags
        before = len(flags)
        self._nodes.walk(node, above, flags, self._edits, self._counts, select=self._select)
        if before or flags:
            self._changed = True
            if len(flags) > MAX_NODES:
                self._full, self._flags = True, {}
                self._default = self._unknown()

    def _unknown(self) -> int:
        """Returns the flags of a node that is not remembered."""
        return Flag.MASK if self._full or not self._seen or self._nodes.walks_all else Flag.NONE

    def _mutation(self, data: Data) -> None:
        if self._flags:
            for remove in data.removes:
                if remove.id is not None and self._flags.pop(remove.id, None) is not None:
                    self._changed = True
        if data.adds:
            self._adds(data.adds)
        flags, default = self._flags, self._default
        if flags or default:
            for text in data.texts:
                its = flags.get(text.id, default)
                if its:
                    self._nodes.change_text(text, its, self._edits, self._counts)
        for change in data.attributes:
            its = flags.get(change.id, default)
            became = self._nodes.change_attributes(change, its, self._edits, self._counts, select=self._select)
            if became != its:
                flags[change.id] = became
                self._changed = True

    def _adds(self, adds: tuple[Add, ...]) -> None:
        flags = self._flags
        if not self._select and not self._default:
            # Most nodes are texts and empty elements of no interest: they are told in one expression.
            adds = tuple(
                add
                for add in adds
                if (node := add.node) is not UNSET
                and (
                    node.children
                    or ((tag := node.tag) is not UNSET and (tag in FIELD_TAGS or not tag.islower()))
                    or (flags and (add.parent in flags or node.id in flags))
                )
            )
        for add in adds:
            if add.node is not UNSET:
                self._walk(add.node, self._flags.get(-1 if add.parent is None else add.parent, self._default))

    def _input(self, data: Data) -> None:
        raw = data.text
        if raw is UNSET:
            return
        flags = None if data.id is None else self._flags.get(data.id, self._default)
        instead = self._nodes.input_value(flags)
        if instead is None:
            return
        value = bytes(raw)
        if value in {instead, b'""', b"null"}:
            self._edits.cover(raw)
            return
        self._edits.replace(raw, instead)
        if value.strip(b'*"'):
            self._counts["input", "input"] = self._counts.get(("input", "input"), 0) + 1

    def _canvas(self, data: Data, raw: Raw) -> None:
        """Masks text drawn on a canvas whose text is not to be seen."""
        flags = self._default if data.id is None else self._flags.get(data.id, self._default)
        if not flags & (Flag.MASK | Flag.BLOCK) or not self._seen:
            return
        decoded = decode_any(raw)
        changed = False
        commands = decoded.get("commands", [decoded])
        for command in commands if isinstance(commands, list) else []:
            args = command.get("args") if isinstance(command, dict) else None
            if not isinstance(args, list) or command.get("property") not in {"fillText", "strokeText"}:
                continue
            if args and isinstance(args[0], str) and not is_masked(args[0]):
                args[0], changed = MASK, True
                self._counts["text_mode", "canvas"] = self._counts.get(("text_mode", "canvas"), 0) + 1
        if changed:
            self._edits.replace(raw, encode_any(self._payloads.mask("", decoded, "canvas", self._counts)))

    def _data_of(self, event: Event) -> Raw:
        if self._bare is None:
            self._bare = [bare.data for bare in bare_decoder.decode(self._text) if bare.data is not UNSET]
            self._with_data = {
                id(each): place for place, each in enumerate(e for e in self._events if e.data is not UNSET)
            }
        return self._bare[self._with_data[id(event)]]

    def _payload(self, kind: int, data: Data) -> None:
        raw = data.payload
        if raw is UNSET:
            return
        plugin = data.plugin or ""
        field = "custom" if kind == EventType.CUSTOM else _plugin_field(plugin)
        try:
            payload = decode_any(raw)
            before = encode_any(payload)
            after = encode_any(self._payloads.mask(plugin, payload, field, self._counts))
        except (ValueError, RecursionError):
            self._edits.replace(raw, b'"***"')
            self._counts["malformed", field] = self._counts.get(("malformed", field), 0) + 1
            return
        if before == after:
            self._edits.cover(raw)
        else:
            self._edits.replace(raw, after)

    # Strings

    def _string(self, start: int, end: int) -> None:
        """Applies the rules to the JSON string at a place."""
        if self._places is None:
            self._places = Places(self._text, self._events)
        place = self._places.of(start, end)
        if place.is_layout:
            return
        value = msgspec.json.decode(self._text[start:end])
        masked = self._rules.mask(value, place.field, self._counts, key=place.key, resource=place.is_resource)
        if masked is not value and masked != value:
            self._edits.put((start, end), encode_any(masked))


def _decode(text: bytes) -> tuple[bytes, list[Event] | None]:
    """Returns a text that decodes, of equal length, and its events; None: they must be taken one by one.

    The decoder takes no halves of surrogate pairs, so that there are none where it succeeds.
    """
    try:
        return text, events_decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        whole = replace_lone_surrogates(text)
    try:
        return whole, events_decoder.decode(whole)
    except (msgspec.MsgspecError, RecursionError):
        return whole, None


def _plugin_field(plugin: str) -> str:
    return "console" if "console" in plugin else "network" if "network" in plugin else "plugin"
