"""Dry run of a policy: lists the places it would mask in a recording, never the values. For tuning rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from services.audit.payload import replace_lone_surrogates
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.masking.payloads import decode_any, encode_any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.audit.privacy.policy.policy import Policy

MAX_ISOLATED = 2_000
"""Maximum number of places per event that get their own list of rules; each costs a pass over the event. Further
places get all rules of the event."""

Step = str | int
Way = tuple[Step, ...]


class MaskedPlace(NamedTuple):
    """One place that the policy would mask.

    Attributes:
        event: Index of the event in its window.
        path: Path in the event, such as `data.texts[0].value`.
        found: Number of matches there, by "rule field_class".
    """

    event: int
    path: str
    found: dict[str, int]


def dry_run(policy: Policy, events: Iterable[bytes]) -> Iterator[MaskedPlace]:
    """Yields every place of one window that the policy would mask.

    Args:
        policy: The policy.
        events: The window's events, each as JSON, in order.
    """
    masker = Masker(policy, b"dry run")
    state = MaskState()
    for number, raw in enumerate(events):
        text = b"[" + replace_lone_surrogates(raw) + b"]"
        masked = masker.mask(state, text)
        if masked.text is not text:
            yield from _places(number, masker, state, text, masked.text)
        state = masked.state


def _places(number: int, masker: Masker, state: MaskState, text: bytes, masked: bytes) -> Iterator[MaskedPlace]:
    before, after = decode_any(text), decode_any(masked)
    ways = list(_differences(before[0], after[0], ()))
    for place, way in enumerate(ways):
        again = text
        if len(ways) > 1 and place < MAX_ISOLATED:
            # Rules find nothing in masked values: with one original value restored, all matches are in that value.
            again = encode_any([_with(after[0], before[0], way)])
        # A part of a value that extends over several texts matches no rule alone: it gets all rules of the event.
        counts = masker.mask(state, again).counts or masker.mask(state, text).counts
        found = {f"{rule} {field}": count for (rule, field), count in sorted(counts.items())}
        yield MaskedPlace(number, _spoken(way), found)


def _differences(before: Any, after: Any, way: Way) -> Iterator[Way]:
    """Yields the paths of all differences; the path of the object if one of its keys is masked."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key, value in before.items():
            yield from _differences(value, after[key], (*way, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, value in enumerate(before):
            yield from _differences(value, after[index], (*way, index))
    elif before != after:
        yield way


def _with(after: Any, before: Any, way: Way) -> Any:
    """Returns a copy of `after` with the original value at one path."""
    if not way:
        return before
    copy = after.copy()
    copy[way[0]] = _with(after[way[0]], before[way[0]], way[1:])
    return copy


def _spoken(path: Way) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
