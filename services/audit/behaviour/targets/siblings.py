"""The order of a node's children, after additions that name the sibling in front of which they belong."""

from __future__ import annotations

from collections import Counter

from services.audit.behaviour.dom_nodes import Add


def ordered(children: list[int], adds: list[Add]) -> list[int]:
    """Returns children with additions at their places, in the order in which they came; each waits for its sibling."""
    order, known = list(children), set(children)
    waiting: dict[int, list[Add]] = {}
    coming = Counter([add.node.id for add in adds])
    ready = adds[::-1]
    while ready:
        add = ready.pop()
        own, following = add.node.id, add.next_id
        if following is not None and following not in known and coming[following] and following != own:
            waiting.setdefault(following, []).append(add)
            continue
        coming[own] -= 1
        if own in known:
            order.remove(own)
        known.add(own)
        order.insert(order.index(following) if following in known and following != own else len(order), own)
        if own in waiting:
            ready += reversed(waiting.pop(own))
    for left in waiting.values():  # they wait for each other
        for add in left:
            if add.node.id not in known:
                known.add(add.node.id)
                order.append(add.node.id)
    return order
