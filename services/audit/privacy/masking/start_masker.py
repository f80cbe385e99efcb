"""Masking outside of chunks: single values, such as the URL and the tags at the start of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.audit.privacy.masking.payloads import PayloadMasker
from services.audit.privacy.masking.strings import TextMasker

if TYPE_CHECKING:
    from services.audit.privacy.masking.counts import Counts
    from services.audit.privacy.policy.policy import Policy


class StartMasker:
    """Masks single values by one policy. Keeps no data of them between calls; threads may share it.

    Without compiled loops it needs a tenth of the memory of a Masker: the process with the streams has no other where
    workers process the chunks.
    """

    def __init__(self, policy: Policy, hash_key: bytes, *, has_loops: bool = False) -> None:
        """Compiles the policy.

        Args:
            policy: The policy.
            hash_key: Key of the method hash; equal values have equal hashes only under the same key.
            has_loops: As in TextMasker.
        """
        self.policy = policy
        self.rules = TextMasker(policy, hash_key, has_loops=has_loops)
        self.payloads = PayloadMasker(policy, self.rules)

    def url(self, href: str, counts: Counts, field: str) -> str:
        """Returns a page's URL, masked as in a Meta event."""
        if self.policy.keeps_all:
            return href
        masked = self.rules.mask(href, field, counts, key="href")
        return self.rules.hide_path(masked, counts) if self.policy.masks_all and masked else masked
