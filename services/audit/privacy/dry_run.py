"""What a policy would mask in a recording, and where: for people who tune rules. Never what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from services.audit.payload import replace_lone_surrogates
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.masking.payloads import decode_any, encode_any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.audit.privacy.policy.policy import Policy

MAX_ISOLATED = 2_000
"""Places of one event whose rules are told one by one; each costs a pass over the event. Beyond, all of the
event's rules are named."""

Step = str | int
Way = tuple[Step, ...]


class Place(NamedTuple):
    """One place that would be masked.

    Attributes:
        event: Number of the event in its window, from 0.
        path: Where in the event, such as `data.texts[0].value`.
        found: How often each rule finds something there, by "rule field_class".
    """

    event: int
    path: str
    found: dict[str, int]


def dry_run(policy: Policy, events: Iterable[bytes]) -> Iterator[Place]:
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


def _places(number: int, masker: Masker, state: MaskState, text: bytes, masked: bytes) -> Iterator[Place]:
    before, after = decode_any(text), decode_any(masked)
    ways = list(_differences(before[0], after[0], ()))
    for place, way in enumerate(ways):
        again = text
        if len(ways) > 1 and place < MAX_ISOLATED:
            # Masking finds nothing in what is masked: with one value put back, what it finds is that one.
            again = encode_any([_with(after[0], before[0], way)])
        counts = masker.mask(state, again).counts
        found = {f"{rule} {field}": count for (rule, field), count in sorted(counts.items())}
        yield Place(number, _spoken(way), found)


def _differences(before: Any, after: Any, way: Way) -> Iterator[Way]:
    """Yields the ways to all that differs; to the object, where a key of it is masked."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key, value in before.items():
            yield from _differences(value, after[key], (*way, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, value in enumerate(before):
            yield from _differences(value, after[index], (*way, index))
    elif before != after:
        yield way


def _with(after: Any, before: Any, way: Way) -> Any:
    """Returns a copy of `after` with what stands at one way as it was."""
    if not way:
        return before
    copy = after.copy()
    copy[way[0]] = _with(after[way[0]], before[way[0]], way[1:])
    return copy


def _spoken(path: Way) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
