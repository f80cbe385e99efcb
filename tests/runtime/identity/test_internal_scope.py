from __future__ import annotations

import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from services.runtime.identity.tokens import Scope, TokenMinter, TokenVerifier
from services.runtime.settings.loader import load_settings

SECRET = "test-secret-of-more-than-32-bytes-length"


async def test_only_the_secret_makes_a_process_of_ours(tmp_path):
    private = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [{**public, "kid": "one", "alg": "ES256", "use": "sig"}]}))
    settings = load_settings(data_dir=tmp_path, auth={"secret": SECRET, "jwks_file": str(keys)})
    verifier = TokenVerifier(settings)
    claims = {
        "sub": "mallory",
        "project": "demo",
        "scope": "view internal admin",
        "aud": "afterimage",
        "exp": time.time() + 60,
    }
    theirs = jwt.encode(claims, private, "ES256", headers={"kid": "one"})
    assert (await verifier.verify(theirs)).scopes == {Scope.VIEW, Scope.ADMIN}
    ours = TokenMinter(settings).mint("share", "demo", [Scope.INTERNAL], 60)
    assert (await verifier.verify(ours)).scopes == {Scope.INTERNAL}


async def test_a_share_grant_has_no_leeway(tmp_path):
    now = 1_780_000_000.0
    settings = load_settings(data_dir=tmp_path, auth={"secret": SECRET, "leeway_s": 30})
    verifier, minter = TokenVerifier(settings, lambda: now), TokenMinter(settings, lambda: now)
    member = await verifier.verify(minter.mint("a", "demo", ["view"], 60))
    visitor = await verifier.verify(minter.mint("a", "demo", ["view"], 60, session_id="s", link_id="l"))
    assert (verifier.remaining_s(member), verifier.remaining_s(visitor)) == (90, 60)
