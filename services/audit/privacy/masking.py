"""Masking: one chunk's events with everything replaced that the policy does not let into storage.

A chunk goes through three looks. One scan over the raw bytes finds the strings in which a rule may find something,
wherever they stand, also in events and fields that nobody has heard of (scan, places, text); and it finds the
places that may make an element one that matters: the tag of a form field, a word of a selector. With them, and
with the numbers of the nodes that are remembered, it is known which mutations must be opened for what hangs on
elements (nodes); full snapshots always are, the others are never looked into. Plugin and Custom payloads are
opened too (plugins). What must change is replaced in place; all other bytes stay as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw

from services.audit.linear import compile_scan
from services.audit.payload import Decoded, decode_chunk
from services.audit.privacy.edits import Edits
from services.audit.privacy.events import (
    Data,
    adds_decoder,
    attributes_decoder,
    bare_decoder,
    event_decoder,
    node_decoder,
    raws_decoder,
    removes_decoder,
    texts_decoder,
)
from services.audit.privacy.nodes import FIELD_TAGS, NodeMasker
from services.audit.privacy.places import Places
from services.audit.privacy.plugins import PayloadMasker, decode_any, encode_any
from services.audit.privacy.scan import Quotes, Scanner
from services.audit.privacy.state import MAX_NODES, Flag, MaskState, compact, expand
from services.audit.privacy.text import MASK, Counts, TextMasker, is_masked
from services.audit.rrweb import NOTHING, EventType, IncrementalSource

if TYPE_CHECKING:
    from services.audit import rrweb
    from services.audit.linear import Pattern
    from services.audit.privacy.events import Add, AttributeChange, Node, Remove, TextChange
    from services.audit.privacy.policy import Policy
    from services.audit.rrweb import Event

__all__ = ["MASK", "MaskState", "Masked", "Masker"]

# Plain numbers: an IntEnum's comparison costs more than all else that is done with most events.
_FULL_SNAPSHOT, _INCREMENTAL = int(EventType.FULL_SNAPSHOT), int(EventType.INCREMENTAL_SNAPSHOT)
_CUSTOM, _PLUGIN = int(EventType.CUSTOM), int(EventType.PLUGIN)
_MUTATION, _INPUT = int(IncrementalSource.MUTATION), int(IncrementalSource.INPUT)
_CANVAS = int(IncrementalSource.CANVAS_MUTATION)

_EMPTY = 2
"""Bytes of `[]`."""

_SOUGHT = 64
"""Remembered nodes that are looked for in a chunk; with more of them, all mutations are opened."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A chunk after masking.

    Attributes:
        text: The JSON; the very object that was given if nothing had to change.
        state: What to pass along with the window's next chunk.
        counts: How often each rule found something in each class of field; never what.
        events: The events of the masked text. Of what changed in them, they hold what `rrweb.Data` has for others
            than masking; the rest is taken away.
    """

    text: bytes
    state: MaskState
    counts: Counts
    events: list[Event]


class Masker:
    """Masks chunks by one policy. Holds nothing of them between calls; may be shared by threads."""

    def __init__(self, policy: Policy, hash_key: bytes, *, opens_all: bool = False) -> None:
        """Compiles the policy.

        Args:
            policy: The policy.
            hash_key: Key of the method hash; equal values have equal hashes only under the same key.
            opens_all: Open every event and judge every string, also where the scan says that there is no need:
                slow, and what the fast way is compared with.
        """
        self._opens_all = opens_all
        self._policy = policy
        self._text = TextMasker(policy, hash_key)
        self._nodes = NodeMasker(policy)
        self._payloads = PayloadMasker(policy, self._text)
        self.scanner = Scanner(policy)

    def mask(self, state: MaskState, text: bytes, decoded: Decoded | None = None) -> Masked:
        """Returns a chunk with everything masked.

        Args:
            state: The state after the window's chunk before; MaskState() for the first.
            text: A JSON array of rrweb events in UTF-8; may hold halves of surrogate pairs, as escapes.
            decoded: What `decode_chunk` makes of it, if that has been done. Its events may be changed.

        Raises:
            BadPayload: If it is no such array and was not decoded before.
        """
        decoded = decoded or decode_chunk(text)
        if self._policy.keeps_all:
            return Masked(text, state, {}, decoded.events)
        return _Chunk(self, state, text, decoded).run()

    def url(self, href: str) -> str:
        """Returns a page's URL with everything masked, as in a Meta event."""
        return href if self._policy.keeps_all else self._text.mask(href, "meta_href", {}, key="href")


class _Chunk:
    """The masking of one chunk."""

    def __init__(self, masker: Masker, state: MaskState, text: bytes, decoded: Decoded) -> None:
        self._rules = masker._text  # noqa: SLF001 - a chunk is the inside of a masker
        self._nodes = masker._nodes  # noqa: SLF001
        self._payloads = masker._payloads  # noqa: SLF001
        self._original = text
        self._events, self._text = decoded
        self._edits = Edits(self._text)
        self._state = state
        self._flags = expand(state)
        self._seen, self._full = state.seen, state.full
        self._changed = False
        self._counts: Counts = {}
        self._raws: list[Raw] | None = None
        self._places = Places(decoded, self._edits)
        self._is_stale = False
        """Whether events no longer say what the masked text says."""
        self._default = self._unknown()
        scan = masker.scanner.scan(self._text)
        self._strings = scan.strings
        self._select = scan.may_select or masker._opens_all  # noqa: SLF001
        self._opens_all = scan.is_odd or masker._opens_all  # noqa: SLF001
        """Whether every mutation must be opened, not only those in `_marked`."""
        self._marked: set[int] = set()
        """Numbers of events that bring an element that may matter, or may name a node that is remembered."""
        if masker._opens_all:  # noqa: SLF001
            self._strings = Quotes(self._text).strings()
        if self._default or len(self._flags) > _SOUGHT:
            self._opens_all = True
        elif not self._opens_all:
            places = scan.elements
            if self._flags:
                places += [match[0][0] for match in _names(tuple(self._flags)).finditer(self._text)]
            self._marked = {index for place in places for index in self._places.events_around(place)}

    def run(self) -> Masked:
        """Returns the masked chunk."""
        self._look_at_events()
        covers = self._edits.covers() if self._strings else []
        starts = [start for start, _ in covers]
        for start, end in self._strings:
            place = bisect_right(starts, start) - 1
            if place < 0 or covers[place][1] <= start:
                self._string(start, end)
        state = self._state
        if self._changed:
            state = compact(self._flags, seen=self._seen, full=self._full)
        text = self._edits.apply(self._original)
        return Masked(text, state, self._counts, self._masked_events(text))

    def _masked_events(self, text: bytes) -> list[Event]:
        if not len(self._edits):
            return self._events
        if self._is_stale:
            return decode_chunk(text).events
        trees = list(self._places.trees())
        for which, part in self._edits.parts([span for _, _, span in trees]):
            data, field, _ = trees[which]
            setattr(data, field, Raw(part))
        for data, _, _ in trees:
            data.texts = data.attributes = NOTHING
        return self._events

    # Events

    def _look_at_events(self) -> None:  # noqa: C901 - one loop over the events: calls cost more than they tidy
        for index, event in enumerate(self._events):
            data = event.data
            kind = event.type
            try:
                if data is None:
                    self._unusual(index)
                elif kind == _INCREMENTAL:
                    source = data.source
                    if source == _MUTATION:
                        self._mutation(index, data)
                    elif source == _INPUT:
                        self._input(data.id, data.text)
                        data.text = NOTHING
                    elif source == _CANVAS:
                        self._canvas(index, data.id)
                    elif source is None:
                        self._unusual(index)
                elif kind == _FULL_SNAPSHOT:
                    self._snapshot(node_decoder.decode(data.node))
                elif kind in {_PLUGIN, _CUSTOM}:
                    data.payload = self._payload(kind, data.plugin, data.payload)
            except (msgspec.MsgspecError, RecursionError, ValueError):
                self._unusual(index)

    def _mutation(self, index: int, data: rrweb.Data) -> None:
        texts = texts_decoder.decode(data.texts) if len(data.texts) > _EMPTY and data.texts is not NOTHING else ()
        some = len(data.attributes) > _EMPTY and data.attributes is not NOTHING
        watched = some and (self._select or self._nodes.may_change(data.attributes))
        if self._opens_all or index in self._marked or data.adds is NOTHING:
            removes = removes_decoder.decode(data.removes) if data.removes is not NOTHING else ()
            adds = adds_decoder.decode(data.adds) if data.adds is not NOTHING else ()
            attributes = attributes_decoder.decode(data.attributes) if some else ()
            self._is_stale |= data.adds is NOTHING  # it is not among the trees
            self._mutate(removes, texts, attributes, adds, watched=watched)
        elif watched:
            self._mutate((), (), attributes_decoder.decode(data.attributes), ())

    def _unusual(self, index: int) -> None:
        """Masks an event that is not as `rrweb.Data` has it; if it can be no event of rrweb, all its strings."""
        self._is_stale = True
        kind = self._events[index].type
        try:
            data = event_decoder.decode(self._raw(index)).data
            if data is UNSET:
                return
            if kind in {_PLUGIN, _CUSTOM}:
                self._payload(kind, data.plugin, NOTHING if data.payload is UNSET else data.payload)
            elif kind == _FULL_SNAPSHOT:
                if data.node is UNSET:
                    self._mask_whole(self._data_of(index))
                else:
                    self._snapshot(data.node)
            elif kind == _INCREMENTAL:
                self._places.sources[index] = data.source
                self._unusual_change(index, data)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            if kind in {_FULL_SNAPSHOT, _INCREMENTAL}:
                self._mask_whole(self._data_of(index))

    def _unusual_change(self, index: int, data: Data) -> None:
        if data.source == _MUTATION:
            self._mutate(data.removes, data.texts, data.attributes, data.adds)
        elif data.source == _INPUT:
            self._input(data.id, NOTHING if data.text is UNSET else data.text)
        elif data.source == _CANVAS:
            self._canvas(index, data.id)

    def _raw(self, index: int) -> Raw:
        if self._raws is None:
            self._raws = raws_decoder.decode(self._text)
        return self._raws[index]

    def _data_of(self, index: int) -> Raw:
        data = bare_decoder.decode(self._raw(index)).data
        return NOTHING if data is UNSET else data

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

    def _snapshot(self, node: Node) -> None:
        self._seen, self._full, self._changed = True, False, True
        self._flags = {}
        self._default = self._unknown()
        self._walk(node, self._default)

    def _walk(self, node: Node, above: int) -> None:
        flags = self._flags
        before = flags if self._opens_all else dict(flags)
        some = bool(flags)
        self._nodes.walk(node, above, flags, self._edits, self._counts, select=self._select)
        if flags != before or (self._opens_all and (some or flags)):
            self._changed = self._opens_all = True
            if len(flags) > MAX_NODES:
                self._full, self._flags = True, {}
                self._default = self._unknown()

    def _unknown(self) -> int:
        """Returns the flags of a node that is not remembered."""
        return Flag.MASK if self._full or not self._seen or self._nodes.walks_all else Flag.NONE

    def _mutate(
        self,
        removes: tuple[Remove, ...],
        texts: tuple[TextChange, ...],
        attributes: tuple[AttributeChange, ...],
        adds: tuple[Add, ...],
        *,
        watched: bool = True,
    ) -> None:
        """Masks what a mutation brings; `watched`: whether its attributes may matter to elements that are ordinary."""
        if self._flags:
            for remove in removes:
                if remove.id is not None and self._flags.pop(remove.id, None) is not None:
                    self._changed = True
        if adds:
            self._adds(adds)
        flags, default = self._flags, self._default
        if flags or default:
            for text in texts:
                its = flags.get(text.id, default)
                if its:
                    self._nodes.change_text(text, its, self._edits, self._counts)
        for change in attributes:
            its = flags.get(change.id, default)
            if its or watched:
                self._change(change, its)

    def _change(self, change: AttributeChange, flags: int) -> None:
        became = self._nodes.change_attributes(change, flags, self._edits, self._counts)
        if became != flags:
            self._flags[change.id] = became
            self._changed = self._opens_all = True

    def _adds(self, adds: tuple[Add, ...]) -> None:
        """Masks added nodes. One may hang under another that came before it in the same mutation."""
        for add in adds:
            node = add.node
            if node is UNSET:
                continue
            flags = self._flags
            if not self._select and not self._default and not node.children:
                # Most nodes are texts and empty elements of no interest.
                tag = node.tag
                if (tag is UNSET or (tag not in FIELD_TAGS and tag.islower())) and (
                    not flags or (add.parent not in flags and node.id not in flags)
                ):
                    continue
            above = self._default if add.parent is None else flags.get(add.parent, self._default)
            self._walk(node, above)

    def _input(self, node: int | None, raw: Raw) -> None:
        if raw is NOTHING:
            return
        flags = None if node is None else self._flags.get(node, self._default)
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

    def _canvas(self, index: int, node: int | None) -> None:
        """Masks text drawn on a canvas whose text is not to be seen."""
        flags = self._default if node is None else self._flags.get(node, self._default)
        if not flags & (Flag.MASK | Flag.BLOCK) or not self._seen:
            return
        raw = self._data_of(index)
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

    def _payload(self, kind: int, plugin: str | None, raw: Raw) -> Raw:
        """Masks a payload; returns what stands there instead, or the payload itself."""
        if raw is NOTHING:
            return raw
        field = "custom" if kind == EventType.CUSTOM else _plugin_field(plugin or "")
        try:
            payload = decode_any(raw)
            before = encode_any(payload)
            after = encode_any(self._payloads.mask(plugin or "", payload, field, self._counts))
        except (ValueError, RecursionError):
            before, after = b"", b'"***"'
            self._counts["malformed", field] = self._counts.get(("malformed", field), 0) + 1
        if before == after:
            self._edits.cover(raw)
            return raw
        self._edits.replace(raw, after)
        return Raw(after)

    # Strings

    def _string(self, start: int, end: int) -> None:
        """Applies the rules to the JSON string at a place."""
        raw = self._text[start:end]
        known = self._rules.mask_json(raw)
        if known is not None and known.masked is None:
            return
        place = self._places.of(start, end)
        if place.is_layout:
            return
        if known is not None:
            instead = known.masked
            for (rule, _), count in known.counts.items():
                self._counts[rule, place.field] = self._counts.get((rule, place.field), 0) + count
        else:
            value = msgspec.json.decode(raw)
            masked = self._rules.mask(value, place.field, self._counts, key=place.key, resource=place.is_resource)
            instead = None if masked == value else encode_any(masked)
        if instead is not None:
            self._edits.put((start, end), instead)
            self._is_stale |= not place.is_node


@lru_cache(maxsize=256)
def _names(nodes: tuple[int, ...]) -> Pattern:
    """Returns the pattern of where nodes are named: by `id`, `parentId`, `nextId` ..."""
    return compile_scan(f'd":(?:{"|".join(map(str, nodes))})[^0-9]')


def _plugin_field(plugin: str) -> str:
    return "console" if "console" in plugin else "network" if "network" in plugin else "plugin"
