"""Secrets with a form of their own: API keys by the prefixes that their issuers document, and private keys.

docs/privacy.md lists the issuers, each with the page that documents the prefix.
"""

from __future__ import annotations

_WORD = "[0-9A-Za-z_-]"

KEY_SHAPES = {
    # Stripe, GitHub, GitLab, AWS, Slack, Google, OpenAI, Anthropic, SendGrid, npm, PyPI, Hugging Face, DigitalOcean,
    # Shopify
    r"(?:sk|rk|pk|tok)_(?:live|test)_[0-9A-Za-z_]{6,}": r"k_(?:live|test)_",
    r"whsec_[0-9A-Za-z+/=]{16,}": r"whsec_",
    r"gh[pousr]_[0-9A-Za-z]{20,}": r"gh[pousr]_[0-9A-Za-z]",
    r"github_pat_[0-9A-Za-z_]{20,}": r"github_pat_",
    r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[0-9A-Za-z_.-]{16,}|gloas-[0-9A-Za-z_-]{16,}": (
        r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|wt|soat|ffct)-[0-9A-Za-z_-]{8}"
    ),
    r"(?:AKIA|ASIA)[0-9A-Z]{16}": r"A[KS]IA[0-9A-Z]{3}",
    r"xox[abeoprs]-[0-9A-Za-z-]{8,}": r"xox[abeoprs]-",
    r"xapp-[0-9A-Za-z-]{8,}": r"xapp-",
    r"AIza[0-9A-Za-z_-]{30,}": r"AIza",
    r"ya29\.[0-9A-Za-z_-]{16,}": r"ya29\.",
    r"\bsk-(?:proj-|ant-|svcacct-)?[0-9A-Za-z_-]{20,}": r"sk-(?:proj-|ant-|svcacct-|[0-9A-Za-z]{8})",
    r"SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}": r"SG\.[0-9A-Za-z_-]",
    r"npm_[0-9A-Za-z]{30,}": r"npm_[0-9A-Za-z]",
    r"pypi-[0-9A-Za-z_-]{30,}": r"pypi-[0-9A-Za-z]",
    r"hf_[0-9A-Za-z]{30,}": r"hf_[0-9A-Za-z]{4}",
    r"do[opr]_v1_[0-9a-f]{40,}": r"do[opr]_v1_",
    r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{20,}": r"shp(?:at|ca|pa|ss)_",
    # HashiCorp Vault, Dynatrace
    r"\bhv[sbr]\.[0-9A-Za-z_-]{20,}": rf"hv[sbr]\.{_WORD}{{8}}",
    r"dt0[a-z]\d\d\.[0-9A-Z]{24}\.[0-9A-Z]{64}": rf"dt0[a-z][0-9][0-9]\.{_WORD}{{8}}",
    # Sentry, Docker, Grafana, PlanetScale, Replicate, CircleCI, Cloudflare, Supabase, Sourcegraph, Packagist, Shippo
    # and Duffel, Buildkite, Honeycomb
    r"sntry[suai]_[0-9A-Za-z_+/=-]{20,}": rf"sntry[suai]_{_WORD}{{8}}",
    r"dckr_(?:pat|oat)_[0-9A-Za-z_-]{12,}": rf"dckr_(?:pat|oat)_{_WORD}{{8}}",
    r"gl(?:sa|c)_[0-9A-Za-z_+/=]{20,}": rf"gl(?:sa|c)_{_WORD}{{8}}",
    r"pscale_(?:tkn|pw|oauth|oauth_refresh)_[0-9A-Za-z_.-]{20,}": rf"pscale_{_WORD}{{8}}",
    r"\br8_[0-9A-Za-z]{30,}": rf"r8_{_WORD}{{8}}",
    r"CCI(?:PAT|PRJ)_[0-9A-Za-z]+_[0-9a-f]{40}": rf"CCI(?:PAT|PRJ)_{_WORD}{{8}}",
    r"\bcf(?:k|ut|at)_[0-9A-Za-z_-]{40,}": rf"cf(?:k|ut|at)_{_WORD}{{8}}",
    r"\b(?:sbp_[0-9A-Za-z_]{20,}|sb_secret_[0-9A-Za-z_-]{16,})": rf"(?:sbp|sb_secret)_{_WORD}{{8}}",
    r"\bsgp_[0-9A-Za-z_]{32,}": rf"sgp_{_WORD}{{8}}",
    r"packagist_[a-z]{3}_[0-9a-f]{40,}": rf"packagist_{_WORD}{{8}}",
    r"(?:shippo|duffel)_(?:live|test)_[0-9A-Za-z_-]{20,}": rf"(?:shippo|duffel)_{_WORD}{{8}}",
    r"\bbk(?:ua|aa|aj|at|ct|pt|rt)_[0-9A-Za-z_-]{20,}": rf"bk(?:ua|aa|aj|at|ct|pt|rt)_{_WORD}{{8}}",
    r"\bhc[a-z](?:ik|lk|mk)_[0-9A-Za-z]{20,}": rf"hc[a-z](?:ik|lk|mk)_{_WORD}{{8}}",
    # Paddle
    r"pdl_(?:live|sdbx|test)_apikey_[0-9A-Za-z_]{20,}": rf"pdl_{_WORD}{{8}}",
    # Tailscale
    r"tskey-[a-z]+-[0-9A-Za-z-]{12,}": rf"tskey-{_WORD}{{8}}",
    # Databricks
    r"\bdapi[0-9a-f]{32}(?:-\d)?": r"dapi[a-f]{0,12}[0-9]",
}
"""Pattern of each kind of key, with its hint (builtin.Finder)."""

PRIVATE_KEY = (
    r"-----BEGIN[ +][A-Z0-9 +]{0,24}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----"
    r"(?:[^-]|-{1,4}[^-])*(?:-----END[ +][A-Z0-9 +]{0,24}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----)?"
    r"|----[ +]BEGIN[ +]SSH2[ +][A-Z ]{0,12}PRIVATE[ +]KEY[ +]----"
    r"(?:[^-]|-{1,3}[^-])*(?:----[ +]END[ +]SSH2[ +][A-Z ]{0,12}PRIVATE[ +]KEY[ +]----)?"
    r"|PuTTY-User-Key-File-\d:(?s:.*?)(?:Private-MAC:(?:[ +]|%20)?[0-9a-f]+|\z)"
    r"|AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20,}"
)
"""Private keys: PEM (RFC 7468) and OpenSSH, PGP (RFC 9580 6.2), SSH2 (as RFC 4716 writes public keys), PuTTY, age."""

PRIVATE_KEY_HINTS = (
    r"KEY(?:(?:[ +]|%20)BLOCK)?(?:[ +]|%20)?----",
    r"PuTTY-User-Key-File-[0-9]",
    r"AGE-SECRET-KEY-[1P]",
)
