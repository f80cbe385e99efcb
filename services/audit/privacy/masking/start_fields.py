"""Masking of the description of a recorder and its visitor at the start of a recording.

Sessions are found and deleted by the visitor's id, so it is never replaced by a mask that others may have too:
it is stored as it is, or as a hash under the installation's key, and a request for an id gives it as the site
knows it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.policy.policy import ActorIdMode, Method

if TYPE_CHECKING:
    from services.audit.model import WindowHead
    from services.audit.privacy.masking.start_masker import StartMasker

MAX_URL = 2_048
"""Maximum characters stored of the first URL. It is masked before it is cut, since half a secret matches no rule."""

MAX_USER_AGENT = 1_024

ACTOR_RULE = "actor_id"
"""Name of the hash of a whole id, and of its count."""

_FIELD = "start"
"""The class of field of the counts."""

_PRODUCT = re.compile(r"[A-Za-z][\w.-]{0,63}/\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
"""A product with a version of four numbers (RFC 9110, section 10.1.5), which looks like an IP address."""


def mask_head(head: WindowHead, masker: StartMasker, *, is_keyed: bool = True) -> tuple[WindowHead, Counts]:
    """Returns a window's head as stored, and the counts of the masked values.

    Args:
        head: The head, in which URL and user agent may be longer than they are stored.
        masker: The project's masker.
        is_keyed: As in `stored_actor_id`.
    """
    counts = Counts()
    if masker.policy.keeps_all:
        masked = replace(head)
    else:
        text = masker.rules.mask
        masked = replace(
            head,
            actor_id=stored_actor_id(head.actor_id, masker, counts, is_keyed=is_keyed),
            browser=text(head.browser, _FIELD, counts),
            system=text(head.system, _FIELD, counts),
            user_agent=_user_agent(head.user_agent, masker, counts),
            language=text(head.language, _FIELD, counts),
            first_url=masker.url(head.first_url, counts, _FIELD),
            recorder_name=text(head.recorder_name, _FIELD, counts),
            recorder_version=text(head.recorder_version, _FIELD, counts),
            tags=masker.payloads.mask_tags(head.tags, _FIELD, counts),
        )
    return replace(masked, first_url=masked.first_url[:MAX_URL], user_agent=masked.user_agent[:MAX_USER_AGENT]), counts


def stored_actor_id(actor_id: str, masker: StartMasker, counts: Counts, *, is_keyed: bool = True) -> str:
    """Returns a visitor's id as stored under the policy in force; a stored id is returned unchanged.

    Args:
        actor_id: The id as the site knows it.
        masker: The project's masker.
        counts: Receives the counts.
        is_keyed: Whether the installation has a secret: without one, a hash could be undone by trying ids, so the name
            of the rule is stored instead.
    """
    method = Method.HASH if is_keyed else Method.BLOCK
    mode = masker.policy.actor_id
    if not actor_id or mode is ActorIdMode.PLAIN or masker.rules.is_kept(actor_id):
        return actor_id
    if mode is ActorIdMode.RULES:
        return masker.rules.mask(actor_id, _FIELD, counts, method=method)
    counts[ACTOR_RULE, _FIELD] = counts.get((ACTOR_RULE, _FIELD), 0) + 1
    return masker.rules.replacement(ACTOR_RULE, method, actor_id)


def actor_ids(actor_id: str, masker: StartMasker, *, is_keyed: bool = True) -> tuple[str, ...]:
    """Returns the forms in which a visitor's id may be stored, under this policy and under earlier ones.

    The id itself comes first. Forms that others may have too are left out: a deletion must not reach them.
    """
    if not actor_id or masker.policy.keeps_all or not is_keyed:
        return (actor_id,) if actor_id else ()
    rules = masker.rules.mask(actor_id, _FIELD, Counts(), method=Method.HASH)
    return tuple(dict.fromkeys((actor_id, rules, masker.rules.replacement(ACTOR_RULE, Method.HASH, actor_id))))


def _user_agent(text: str, masker: StartMasker, counts: Counts) -> str:
    """Returns a user agent with the rules applied to everything but versions."""
    parts: list[str] = []
    at = 0
    for match in _PRODUCT.finditer(text):
        parts += (masker.rules.mask(text[at : match.start()], _FIELD, counts), match[0])
        at = match.end()
    parts.append(masker.rules.mask(text[at:], _FIELD, counts))
    return "".join(parts)
