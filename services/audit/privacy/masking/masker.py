"""Masking: replaces everything in a chunk's events that the policy keeps out of storage.

One pass over the bytes of a chunk (json_tape) locates its events, nodes and strings. Only nodes that may matter are
examined: form fields, nodes that a selector may match, remembered nodes, and their descendants (nodes). Plugin and
Custom payloads are decoded (payloads). Strings are examined if a rule may match in them, wherever they are, including
unknown events and fields (prefilter, strings, string_context). Values are replaced in place; all other bytes stay
unchanged.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Raw

from services.audit.json_tape.counting import count_parts
from services.audit.json_tape.tape import ABSENT, StringRow, Task, TooManyRows, Walker
from services.audit.payload import BadPayload, Decoded, Fault, decode, decode_chunk
from services.audit.privacy.masking.attributes import LAYOUT_ATTRIBUTES
from services.audit.privacy.masking.counts import LISTED_WORK, NODE_WORK, VALUE_WORK, Counts
from services.audit.privacy.masking.edits import Edits
from services.audit.privacy.masking.node_flags import MAX_NODES, Flag, MaskState, compact, expand
from services.audit.privacy.masking.nodes import (
    FIELD_ATTRIBUTES,
    FIELD_TAGS,
    INLINE_TAGS,
    KIND_ATTRIBUTES,
    WATCHED_ATTRIBUTES,
    NodeMasker,
)
from services.audit.privacy.masking.payloads import decode_any, encode_any
from services.audit.privacy.masking.split_texts import mask_joined
from services.audit.privacy.masking.start_masker import StartMasker
from services.audit.privacy.masking.string_context import place_of
from services.audit.privacy.masking.strings import MASK, is_masked
from services.audit.privacy.masking.unknown_strings import hidden_key, hide_unknown
from services.audit.privacy.rules.candidates import Scanner
from services.audit.rrweb import NOTHING, EventType

if TYPE_CHECKING:
    import numpy.typing as npt

    from services.audit.json_tape.tape import EventRow, Row, Walk
    from services.audit.privacy.masking.edits import Made
    from services.audit.privacy.policy.policy import Policy
    from services.audit.rrweb import Event

__all__ = ["MASK", "MaskState", "Masked", "Masker"]


_MOST_ODD = 64
"""Maximum number of events per chunk with duplicate or escaped keys that are masked in detail: each costs as much as
a separate chunk. JSON.stringify never writes such keys."""


_IS_TAG = re.compile(r"[A-Za-z_][A-Za-z_:-]*(?:[0-9][A-Za-z_:-]*){0,4}")
"""Form of a tag's name, as kernels.is_plain."""

_SHORT_VALUE = 1024
"""Values with fewer bytes of JSON are paid for by their length, one part per 8 bytes: counting takes longer."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A chunk after masking.

    Attributes:
        text: The JSON; the same object as the input if nothing had to change.
        state: The state to pass with the window's next chunk.
        counts: Number of matches per rule and class of field, without the values.
        events: The events of the masked text. Changed events keep only those fields of `rrweb.Data` that are used
            outside masking.
        tape: The walk through the chunk, for other readers of its nodes; None: the policy masks nothing.
    """

    text: bytes
    state: MaskState
    counts: Counts
    events: list[Event]
    tape: MaskedTape | None = None


class MaskedTape(NamedTuple):
    """The walk through a chunk, and the changes that masking has made since.

    Attributes:
        walk: The walk through the text before masking.
        made: The replacements in that text.
        changed: Numbers of snapshots and mutations with replacements in their nodes.
        renewed: Numbers of events that were written anew, or that readers see without their `data`: their rows are not
            valid.
    """

    walk: Walk
    made: Made
    changed: set[int]
    renewed: set[int]

    def edits(self) -> list[tuple[int, int, bytes]]:
        """Returns start, end and new JSON of the replacements in nodes, in order and without those inside of others."""
        found: list[tuple[int, int, bytes]] = []
        for number in sorted(self.changed - self.renewed):
            found += self.made.outer(*self.walk.span_of(number))
        return found

    def read(self, start: int, end: int) -> bytes:
        """Returns the JSON at a span of the text, after masking."""
        return self.made.apply(self.walk.text, start, end)


class Masker(StartMasker):
    """Masks chunks by one policy. Keeps no data of them between calls; threads may share it."""

    def __init__(self, policy: Policy, hash_key: bytes, *, opens_all: bool = False) -> None:
        """Compiles the policy.

        Args:
            policy: The policy.
            hash_key: Key of the method hash; equal values have equal hashes only under the same key.
            opens_all: Whether to examine every node and every string, even if the walk reports no need for it: slow,
                the reference with which tests compare the fast path.
        """
        super().__init__(policy, hash_key, has_loops=True)
        self.opens_all = opens_all
        self.nodes = NodeMasker(policy, self.rules, self.payloads)
        self.scanner = Scanner(policy.scanned_patterns)
        self.walker = Walker(
            tags=FIELD_TAGS,
            watched=WATCHED_ATTRIBUTES,
            quiet=LAYOUT_ATTRIBUTES,
            asked={each.attribute for each in policy.selectors if each.attribute},
            asked_tags={each.tag for each in policy.selectors if each.tag},
            classes={each.cls for each in policy.selectors if each.cls},
            fields=FIELD_ATTRIBUTES,
            kinds=KIND_ATTRIBUTES,
            kind_words=self.nodes.kind_words(),
            inline=INLINE_TAGS,
        )

    def mask(self, state: MaskState, text: bytes, decoded: Decoded | None = None) -> Masked:
        """Returns the masked chunk.

        Args:
            state: The state after the window's previous chunk; MaskState() for the first.
            text: A JSON array of rrweb events in UTF-8; may contain lone surrogates, as escapes.
            decoded: The result of `decode_chunk`, if available. Its events may be changed.

        Raises:
            BadPayload: If the text is not such an array and was not decoded before, or has more to check than
                MAX_ROWS and MAX_WORK allow.
        """
        decoded = decoded or decode_chunk(text)
        if self.policy.keeps_all:
            return Masked(text, state, Counts(), decoded.events)
        return _Chunk(self, state, text, decoded).run()


class _Chunk:
    """The masking of one chunk."""

    def __init__(
        self, masker: Masker, state: MaskState, text: bytes, decoded: Decoded, counts: Counts | None = None
    ) -> None:
        self._masker = masker
        self._nodes = masker.nodes
        self._original = text
        self._events, self._text, self._unread = decoded
        self._edits = Edits()
        self._state = state
        self._flags = expand(state)
        self._seen, self._full = state.seen, state.full
        self._changed = False
        self._trees: set[int] = set()
        """Indexes of snapshots and mutations with replacements in their nodes."""
        self._stale: set[int] = set()
        """Indexes of other events with replacements in fields that are read later."""
        self._counts = Counts() if counts is None else counts
        self._odd_ones = 0
        self._default = self._unknown()
        try:
            self._walk = masker.walker.walk(
                self._text,
                len(self._events),
                every=masker.scanner.lists_all or masker.opens_all or masker.policy.masks_all,
            )
        except TooManyRows as error:
            raise BadPayload(Fault.TOO_LARGE, f"payload: {error}; send smaller chunks") from None

    def run(self) -> Masked:
        """Returns the masked chunk."""
        self._look_at_events()
        if self._masker.policy.masks_all:
            self._hide_unknown()
        self._join_texts()
        self._judge_strings()
        made = self._edits.made()
        text, events = self._original, self._events
        if made.starts:
            text = made.apply(text)
            self._renew_events(made)
        state = compact(self._flags, seen=self._seen, full=self._full) if self._changed else self._state
        renewed = self._stale.union(self._unread) if self._unread else self._stale
        return Masked(text, state, self._counts, events, MaskedTape(self._walk, made, self._trees, renewed))

    def _renew_events(self, made: Made) -> None:
        """Applies the replacements to the decoded events."""
        walk, text, events = self._walk, self._text, self._events
        for number in self._trees - self._stale:
            row, data = walk.event(number), events[number].data
            left = made.count(row.start, row.end)
            for name, start, end in (
                ("adds", row.adds, row.adds_end),
                ("attributes", row.changes, row.changes_end),
                ("texts", row.texts, row.texts_end),
                ("node", row.node, row.node_end),
            ):
                if left and start >= 0 and data is not None and (count := made.count(start, end)):
                    setattr(data, name, Raw(made.apply(text, start, end)))
                    left -= count
            if left:
                self._stale.add(number)  # in another place
        for number in self._stale:
            row = walk.event(number)
            events[number] = decode(b"[" + made.apply(text, row.start, row.end) + b"]")[0]

    # Events

    def _look_at_events(self) -> None:
        walk, opens_all = self._walk, self._masker.opens_all
        event = task = behind = walked = 0
        tree = spoiled = -1
        while event < len(self._events):
            every = opens_all or self._default != 0 or self._nodes.walks_all
            tasks, following = walk.choose(event, task, behind, self._remembered(), every=every)
            self._counts.spend(NODE_WORK * len(tasks))
            for event, task, place in tasks:
                if event == spoiled or (task == Task.NODE and place < walked):
                    continue  # a descendant of a node that was examined with its whole subtree
                try:
                    behind = self._look_at(event, task, place)
                except (msgspec.MsgspecError, RecursionError, ValueError):
                    self._mask_whole(event)
                    spoiled = event
                if task == Task.NODE:
                    walked = behind
                elif task == Task.SNAPSHOT:
                    tree = event
                if self._default and not every and event != tree:
                    break  # too many nodes are remembered: from here on all rows matter
            else:
                event, task, behind = following, 0, 0

    def _look_at(self, event: int, task: int, place: int) -> int:
        """Carries out a masking task; returns the row to continue with."""
        if place >= 0:
            row, before, behind = self._walk.row(place), len(self._edits.places), place + 1
            if task == Task.NODE:
                behind = self._node(row, place)
            else:
                self._mutated(row, task)
            if len(self._edits.places) != before:
                self._trees.add(event)
            return behind
        if task == Task.INPUT:
            self._input(*self._walk.input_of(event))
            if (data := self._events[event].data) is not None:
                data.text = NOTHING
            return 0
        its = self._walk.event(event)
        if task == Task.SNAPSHOT:
            self._seen, self._full, self._changed = True, False, True
            self._flags = {}
            self._default = self._unknown()
        elif task == Task.PAYLOAD:
            self._payload(event, its)
        elif task == Task.CANVAS:
            self._canvas(its)
        elif task == Task.WHOLE:
            self._mask_whole(event)
        else:
            self._odd(event, its)
        return 0

    def _remembered(self) -> npt.NDArray[np.int64]:
        """Returns the ids of the remembered nodes, as runs."""
        runs = compact(self._flags, seen=True, full=False).runs if self._changed else self._state.runs
        return np.array(runs, np.int64).reshape(-1, 3)

    def _unknown(self) -> int:
        """Returns the flags of nodes that are not remembered."""
        return Flag.MASK if self._full or not self._seen or self._nodes.walks_all else Flag.NONE

    def _remember(self, node: int, flags: int) -> None:
        known = self._flags
        if self._nodes.is_ordinary(flags):
            if known and known.pop(node, None) is not None:
                self._changed = True
        elif known.get(node) != flags:
            known[node] = flags
            self._changed = True

    def _node(self, row: Row, place: int) -> int:
        """Masks a node, and its subtree if it passes on flags; returns the row after the last examined one."""
        masker, walk = self._masker, self._walk
        above = 0 if row.up >= 0 else self._flags.get(row.parent, self._default)
        flags = masker.nodes.judge(row, above, walk, self._edits, self._counts, select=masker.opens_all)
        self._remember(row.id, flags)
        below = self._nodes.below(flags)
        if not below or row.end == place + 1:
            end = place + 1
        else:
            end = row.end
            self._counts.spend(NODE_WORK * (end - place))
            open_ = [(end, below)]
            for at, each in enumerate(walk.below(row, place), place + 1):
                while at >= open_[-1][0]:
                    open_.pop()
                flags = self._nodes.judge(each, open_[-1][1], walk, self._edits, self._counts, select=masker.opens_all)
                self._remember(each.id, flags)
                if each.end > at + 1:
                    open_.append((each.end, self._nodes.below(flags)))
        if len(self._flags) > MAX_NODES:
            self._full, self._flags = True, {}
            self._default = self._unknown()
        return end

    def _mutated(self, row: Row, task: int) -> None:
        """Masks a mutation's change of an existing node."""
        if task == Task.REMOVE:
            if self._flags.pop(row.id, None) is not None:
                self._changed = True
            return
        flags = self._flags.get(row.id, self._default)
        if task == Task.TEXT:
            self._nodes.replace_text(row, flags, self._walk, self._edits, self._counts)
            return
        if not (row.look or self._nodes.needs_changes(flags) or self._masker.opens_all):
            return
        became = self._nodes.change_attributes(row, flags, self._walk, self._edits, self._counts)
        if became != flags:
            self._flags[row.id] = became
            self._changed = True

    def _odd(self, event: int, row: EventRow) -> None:
        """Replaces an ambiguous event (duplicate or escaped keys) with its usual interpretation, masked.

        After `_MOST_ODD` such events, or if the event has no valid interpretation, its data is removed. Its nodes are
        then unknown, so from there on every node counts as masked.
        """
        self._stale.add(event)
        self._odd_ones += 1
        inner = self._understood(row) if self._odd_ones <= _MOST_ODD else None
        if inner is None:
            its = self._events[event]
            bare = encode_any({"type": its.type, "data": {}, "timestamp": its.timestamp})
            self._edits.put((row.start, row.end), bare)
            self._counts["malformed", "other"] = self._counts.get(("malformed", "other"), 0) + 1
            self._flags, self._full, self._changed = {}, True, True
            self._default = self._unknown()
            return
        masked = inner.run()
        self._counts.work = masked.counts.work
        for what, count in masked.counts.items():
            self._counts[what] = self._counts.get(what, 0) + count
        self._changed = True
        self._flags, self._seen, self._full = expand(masked.state), masked.state.seen, masked.state.full
        self._default = self._unknown()
        self._edits.put((row.start, row.end), masked.text[1:-1])

    def _understood(self, row: EventRow) -> _Chunk | None:
        """Returns an event as a separate chunk without duplicate or escaped keys; None if that is impossible."""
        try:
            plain = b"[" + encode_any(self._value(row.start, row.end)) + b"]"
            state = compact(self._flags, seen=self._seen, full=self._full)
            inner = _Chunk(self._masker, state, plain, decode_chunk(plain), Counts(self._counts.work))
        except (msgspec.MsgspecError, RecursionError, ValueError, BadPayload):
            return None
        inner._odd_ones = _MOST_ODD
        return inner

    def _mask_whole(self, event: int) -> None:
        """Masks all strings in an event's data."""
        row = self._walk.event(event)
        if row.data < 0:
            return
        try:
            decoded = self._value(row.data, row.data_end)
            after = self._masked_strings(decoded)
        except (ValueError, RecursionError):
            decoded, after = None, {}
        if after != decoded:
            self._edits.put((row.data, row.data_end), encode_any(after))
            self._stale.add(event)

    def _masked_strings(self, value: Any) -> Any:
        """Returns a decoded value with all of its strings masked, except tags; keys by the rules."""
        if isinstance(value, str):
            if is_masked(value):
                return value
            self._counts["malformed", "other"] = self._counts.get(("malformed", "other"), 0) + 1
            return MASK
        if isinstance(value, list):
            return [self._masked_strings(each) for each in value]
        if not isinstance(value, dict):
            return value
        members: dict[str, Any] = {}
        for key, each in value.items():
            shown = hidden_key(key) if self._masker.policy.masks_all else key
            name = self._masker.rules.mask(shown, "other", self._counts)
            while name != key and name in members:
                name += "*"
            is_tag = key == "tagName" and isinstance(each, str) and _IS_TAG.fullmatch(each)
            members[name] = each if is_tag else self._masked_strings(each)
        return members

    def _value(self, start: int, end: int) -> Any:
        """Returns a decoded value of the text; pays for its parts before they are decoded."""
        raw = self._text[start:end]
        if end - start < _SHORT_VALUE:
            self._counts.spend(VALUE_WORK * (end - start) // 8)
        else:
            parts = count_parts(raw)
            self._counts.spend(VALUE_WORK * (parts.values + parts.strings))
        return decode_any(raw)

    def _input(self, node: int, start: int, end: int) -> None:
        if start < 0:
            return
        flags = None if node == ABSENT else self._flags.get(node, self._default)
        instead = self._nodes.input_value(flags)
        if instead is None:
            return
        place, value = (start, end), self._text[start:end]
        if value in {instead, b'""', b"null"}:
            self._edits.cover(place)
            return
        self._edits.put(place, instead)
        if value.strip(b'*"'):
            self._counts["input", "input"] = self._counts.get(("input", "input"), 0) + 1

    def _canvas(self, row: EventRow) -> None:
        """Masks text drawn on a masked or blocked canvas."""
        flags = self._default if row.id == ABSENT else self._flags.get(row.id, self._default)
        is_masked_as_a_whole = flags & (Flag.MASK | Flag.BLOCK)
        if self._masker.policy.masks_all:
            if not is_masked_as_a_whole:  # else as strings in unknown places
                self._apply_rules(row)
            return
        if not is_masked_as_a_whole or not self._seen:
            return
        decoded = self._value(row.data, row.data_end)
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
            masked = self._masker.payloads.apply_rules(decoded, "canvas", self._counts)
            self._edits.put((row.data, row.data_end), encode_any(masked))

    def _apply_rules(self, row: EventRow) -> None:
        """Applies the rules to an event's data, and keeps the rest."""
        place, decoded = (row.data, row.data_end), self._value(row.data, row.data_end)
        masked = self._masker.payloads.apply_rules(decoded, "canvas", self._counts)
        if masked == decoded:
            self._edits.cover(place)
        else:
            self._edits.put(place, encode_any(masked))

    def _payload(self, event: int, row: EventRow) -> None:
        plugin = "" if row.plugin < 0 else str(msgspec.json.decode(self._text[row.plugin : row.plugin_end]))
        if row.type == EventType.PLUGIN:
            field = _plugin_field(plugin)
        else:
            field = "custom" if row.type == EventType.CUSTOM else "console"  # a console message of rrweb 1
        place = row.payload, row.payload_end
        try:
            payload = self._value(row.payload, row.payload_end)
            before = encode_any(payload)
            after = encode_any(self._masker.payloads.mask(plugin, payload, field, self._counts))
        except (ValueError, RecursionError):
            before, after = b"", b'"***"'
            self._counts["malformed", field] = self._counts.get(("malformed", field), 0) + 1
        if before == after:
            self._edits.cover(place)
        else:
            self._edits.put(place, after)
            self._stale.add(event)

    # Strings

    def _hide_unknown(self) -> None:
        """Masks strings in places that are not known to be safe; only if all text is masked."""
        rules, nodes = self._masker.rules, self._masker.nodes
        hidden = hide_unknown(self._walk, self._edits.covers(), rules, nodes, self._counts)
        for string, value in hidden:
            self._edits.put((string.start, string.end), value)
            is_tree = self._walk.kind_of(string.event)[0] == EventType.FULL_SNAPSHOT
            (self._trees if is_tree else self._stale).add(string.event)

    def _join_texts(self) -> None:
        """Masks matches of rules that extend over several text nodes."""
        for row, value in mask_joined(self._walk, self._edits, self._masker.rules, self._counts):
            self._edits.put((row.text, row.text_end), value)
            self._trees.add(row.event)

    def _judge_strings(self) -> None:
        strings = self._masker.scanner.choose(self._walk, every=self._masker.opens_all)
        if not strings:
            return
        self._counts.spend(LISTED_WORK * len(strings))
        covers = self._edits.covers()
        starts = [start for start, _ in covers]
        for each in strings:
            place = bisect_right(starts, each[0]) - 1
            if place < 0 or covers[place][1] <= each[0]:
                self._judge(StringRow._make(each))

    def _judge(self, string: StringRow) -> None:
        """Applies the rules to a string."""
        raw, rules = self._text[string.start : string.end], self._masker.rules
        known = rules.mask_json(raw)
        if known is not None:
            self._counts.spend(known.work)
            if known.masked is None:
                return
        place = place_of(string, self._walk)
        if place.is_layout:
            return
        if known is None:
            known = rules.mask_json_at(raw, place.key, self._counts, resource=place.is_resource)
            self._counts.spend(known.work)
        if known.masked is None:
            return
        for (rule, _), count in known.counts.items():
            self._counts[rule, place.field] = self._counts.get((rule, place.field), 0) + count
        self._edits.put((string.start, string.end), known.masked)
        (self._trees if place.is_node else self._stale).add(string.event)


def _plugin_field(plugin: str) -> str:
    return "console" if "console" in plugin else "network" if "network" in plugin else "plugin"
