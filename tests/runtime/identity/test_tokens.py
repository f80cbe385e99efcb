from __future__ import annotations

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from support.clock import Clock

from services.runtime.errors import Unauthenticated
from services.runtime.identity.tokens import Identity, Scope, TokenMinter, TokenVerifier, acting_as, current_identity
from services.runtime.settings.loader import SettingsError, load_settings

NOW = 1_800_000_000.0
SECRET = "another-secret-that-is-long-enough!!"


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def hs(tmp_path):
    return load_settings(data_dir=tmp_path, auth={"secret": SECRET}, projects=[{"id": "demo"}, {"id": "other"}])


KEYS = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def public_jwk(algorithm):
    kind = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}.get(
        algorithm, jwt.algorithms.OKPAlgorithm
    )
    jwk = kind.to_jwk(KEYS[algorithm].public_key(), as_dict=True)
    return {**jwk, "kid": f"key-{algorithm}", "alg": algorithm, "use": "sig"}


def jwks():
    oct_key = {"kty": "oct", "kid": "oct", "alg": "HS256", "k": "c2VjcmV0LXRoYXQtZXZlcnlib2R5LWNhbi1yZWFkLi4u"}
    return {"keys": [*(public_jwk(name) for name in KEYS), oct_key]}


@pytest.fixture
def key_set(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(jwks()))
    return load_settings(data_dir=tmp_path, auth={"jwks_file": path, "issuer": "https://login.example"})


def claims(**changed):
    every = {
        "sub": "me",
        "project": "demo",
        "scope": "view",
        "aud": "afterimage",
        "iss": "https://login.example",
        "exp": NOW + 60,
        **changed,
    }
    return {name: value for name, value in every.items() if value is not None}


def signed(secret=SECRET, algorithm="HS256", headers=None, **changed):
    return jwt.encode(claims(**changed), secret, algorithm=algorithm, headers=headers)


async def refusal(verifier, token):
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    error = caught.value
    chain = f"{error!r} {error} {error.metadata} {error.__cause__!r}"
    if token:
        assert token not in chain
        assert not any(part in chain for part in token.split(".") if len(part) > 10)
    return error.reason


async def test_what_is_minted_is_verified(hs, clock):
    token = TokenMinter(hs, clock).mint(
        "me", "other", [Scope.VIEW, "share"], 60, session_id="s-1", range_ms=(1000, None), link_id="l-1"
    )
    identity = await TokenVerifier(hs, clock).verify(token)
    assert identity == Identity(
        subject="me",
        project="other",
        scopes=frozenset({Scope.VIEW, Scope.SHARE}),
        expires_at=NOW + 60,
        session_id="s-1",
        range_start_ms=1000,
        range_end_ms=None,
        link_id="l-1",
    )


async def test_a_plain_token_carries_no_grant(hs, clock):
    identity = await TokenVerifier(hs, clock).verify(TokenMinter(hs, clock).mint("me", "demo", ["record"], 60))
    assert (identity.session_id, identity.range_start_ms, identity.range_end_ms, identity.link_id) == (None,) * 4


def test_nothing_is_minted_that_could_not_hold(hs):
    minter = TokenMinter(hs)
    for wrong in ({"ttl_s": 0}, {"ttl_s": float("nan")}, {"scopes": ["root"]}, {"range_ms": (0, 1)}):
        with pytest.raises(ValueError, match=r".+"):
            minter.mint(**{"subject": "me", "project": "demo", "scopes": ["view"], "ttl_s": 60, **wrong})


async def test_it_ends_with_its_time_and_leeway_also_when_remembered(hs, clock):
    verifier = TokenVerifier(hs, clock)
    token = signed()
    identity = await verifier.verify(token)
    assert verifier.remaining_s(identity) == 70
    clock.advance(69)
    assert await verifier.verify(token) is identity
    clock.advance(1)
    assert await refusal(verifier, token) == "TOKEN_EXPIRED"
    assert await refusal(TokenVerifier(hs, clock), token) == "TOKEN_EXPIRED"


async def test_the_memory_is_bounded(hs, clock, monkeypatch):
    monkeypatch.setattr("services.runtime.identity.tokens._CACHE_SIZE", 3)
    verifier = TokenVerifier(hs, clock)
    for number in range(10):
        await verifier.verify(signed(sub=f"user-{number}"))
    assert len(verifier._held) == 3


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "TOKEN_MISSING"),
        ("nonsense", "TOKEN_INVALID"),
        ("a.b.c", "TOKEN_INVALID"),
        ("ä" * 40, "TOKEN_INVALID"),
        ("\udcff.x.y", "TOKEN_INVALID"),
        ("x" * 9000, "TOKEN_INVALID"),
        (signed("wrong-secret-that-is-also-32-bytes-long"), "TOKEN_INVALID"),
        (signed()[:-4] + "AAAA", "TOKEN_INVALID"),
        (signed(aud="somebody-else"), "TOKEN_INVALID"),
        (signed(aud=None), "TOKEN_INVALID"),
        (signed(exp=None), "TOKEN_INVALID"),
        (signed(exp="tomorrow"), "TOKEN_INVALID"),
        (signed(exp=float("inf")), "TOKEN_INVALID"),
        (signed(exp=True), "TOKEN_INVALID"),
        (signed(sub=None), "TOKEN_INVALID"),
        (signed(nbf=NOW + 1000), "TOKEN_INVALID"),
        (signed(scope=["view"]), "TOKEN_INVALID"),
        (signed(exp=NOW - 60), "TOKEN_EXPIRED"),
        (signed(project="nobody"), "PROJECT_UNKNOWN"),
        (signed(project=None), "PROJECT_UNKNOWN"),
        (signed(project=["demo"]), "PROJECT_UNKNOWN"),
        (signed(session=5), "TOKEN_INVALID"),
        (signed(session=""), "TOKEN_INVALID"),
        (signed(range=[0, 1]), "TOKEN_INVALID"),
        (signed(session="s", range=[5, 5]), "TOKEN_INVALID"),
        (signed(session="s", range=[-1, 5]), "TOKEN_INVALID"),
        (signed(session="s", range=[0.5, 5]), "TOKEN_INVALID"),
        (signed(session="s", range=[True, None]), "TOKEN_INVALID"),
        (signed(session="s", range="0-5"), "TOKEN_INVALID"),
        (jwt.encode(claims(), None, algorithm="none"), "TOKEN_INVALID"),
        (jwt.encode(claims(), SECRET * 2, algorithm="HS512"), "TOKEN_INVALID"),
    ],
)
async def test_what_does_not_hold(hs, clock, token, reason):
    assert await refusal(TokenVerifier(hs, clock), token) == reason


async def test_words_of_other_programs_are_no_scopes(hs, clock):
    identity = await TokenVerifier(hs, clock).verify(signed(scope="openid view viewer  admin"))
    assert identity.scopes == {Scope.VIEW, Scope.ADMIN}


@pytest.mark.parametrize("algorithm", sorted(KEYS))
async def test_keys_of_an_identity_provider(key_set, clock, algorithm):
    token = signed(KEYS[algorithm], algorithm, {"kid": f"key-{algorithm}"})
    assert (await TokenVerifier(key_set, clock).verify(token)).subject == "me"


async def test_the_algorithm_cannot_be_confused(key_set, clock, tmp_path):
    verifier = TokenVerifier(key_set, clock)
    pem = (
        KEYS["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    forged = hmac_with_public_key(pem)
    assert await refusal(verifier, forged) == "TOKEN_INVALID"
    # With a secret beside the key set the forgery is checked against the secret, and fails there.
    both = load_settings(
        data_dir=tmp_path,
        auth={"secret": SECRET, "jwks_file": key_set.auth.jwks_file, "issuer": "https://login.example"},
    )
    assert await refusal(TokenVerifier(both, clock), forged) == "TOKEN_INVALID"
    assert (await TokenVerifier(both, clock).verify(signed())).subject == "me"
    # A symmetric key in a public set is no key; nor is one under another algorithm's name.
    everybody_knows = "secret-that-everybody-can-read..."
    for header in ("HS256", "RS256"):
        assert await refusal(verifier, hmac_with_public_key(everybody_knows.encode(), "oct", header)) == "TOKEN_INVALID"
    swapped = signed(KEYS["ES256"], "ES256", {"kid": "key-RS256"})
    assert await refusal(verifier, swapped) == "TOKEN_INVALID"


def hmac_with_public_key(key, kid="key-RS256", algorithm="HS256"):
    import base64
    import hashlib
    import hmac

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(json.dumps({"alg": algorithm, "kid": kid, "typ": "JWT"}).encode())
    body = head + b"." + part(json.dumps(claims()).encode())
    return (body + b"." + part(hmac.new(key, body, hashlib.sha256).digest())).decode()


@pytest.mark.parametrize(
    ("changed", "headers"),
    [
        ({"iss": "https://evil.example"}, {"kid": "key-RS256"}),
        ({"iss": None}, {"kid": "key-RS256"}),
        ({}, None),
        ({}, {"kid": "unknown"}),
    ],
)
async def test_keys_of_an_identity_provider_and_what_does_not_hold(key_set, clock, changed, headers):
    token = signed(KEYS["RS256"], "RS256", headers, **changed)
    assert await refusal(TokenVerifier(key_set, clock), token) == "TOKEN_INVALID"


async def test_an_algorithm_that_is_not_configured_is_refused(key_set, clock, tmp_path):
    only = load_settings(data_dir=tmp_path, auth={"jwks_file": key_set.auth.jwks_file, "algorithms": ["ES256"]})
    token = signed(KEYS["RS256"], "RS256", {"kid": "key-RS256"})
    assert await refusal(TokenVerifier(only, clock), token) == "TOKEN_INVALID"


def test_without_a_secret_nothing_is_minted(key_set):
    with pytest.raises(SettingsError, match=r"^auth\.secret: needed to issue tokens"):
        TokenMinter(key_set)


def test_a_file_that_is_no_key_set_is_named(tmp_path):
    for number, text in enumerate(["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}', '{"keys": 5}']):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        with pytest.raises(SettingsError, match=r"^auth\.jwks_file: "):
            TokenVerifier(load_settings(data_dir=tmp_path, auth={"jwks_file": path}))


async def test_a_remembered_token_is_quick(hs, clock):
    verifier = TokenVerifier(hs, clock)
    token = signed()
    identity = await verifier.verify(token)
    assert all([await verifier.verify(token) is identity for _ in range(100)])


NEW = "the-new-secret-that-is-long-enough!!"


def rotating(tmp_path, *secrets):
    return load_settings(data_dir=tmp_path, auth={"secrets": secrets}, projects=[{"id": "demo"}])


async def test_while_a_secret_is_replaced_both_verify_and_the_first_signs(clock, tmp_path):
    old, both, new = (rotating(tmp_path, *secrets) for secrets in ([SECRET], [NEW, SECRET], [NEW]))
    of_old = TokenMinter(old, clock).mint("me", "demo", ["view"], 60)
    of_both = TokenMinter(both, clock).mint("me", "demo", ["view"], 60)
    assert (await TokenVerifier(both, clock).verify(of_old)).subject == "me"
    assert (await TokenVerifier(both, clock).verify(of_both)).subject == "me"
    assert (await TokenVerifier(new, clock).verify(of_both)).subject == "me"
    assert await refusal(TokenVerifier(new, clock), of_old) == "TOKEN_INVALID"
    assert await refusal(TokenVerifier(both, clock), signed("a-third-secret-that-is-long-enough!!")) == "TOKEN_INVALID"
    assert await refusal(TokenVerifier(both, clock), signed(SECRET, aud="another")) == "TOKEN_INVALID"


WEEK = 7 * 86_400


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"iat": NOW, "exp": NOW + WEEK}, None),
        ({"exp": NOW + WEEK}, None),
        ({"iat": NOW, "exp": NOW + WEEK + 60}, "TOKEN_LIFE_TOO_LONG"),
        ({"exp": NOW + WEEK + 60}, "TOKEN_LIFE_TOO_LONG"),
        ({"iat": NOW - 2 * WEEK, "exp": NOW + 60}, "TOKEN_LIFE_TOO_LONG"),  # its last minute is as long a life
        ({"iat": NOW + 60 * WEEK, "exp": NOW + 61 * WEEK}, "TOKEN_LIFE_TOO_LONG"),  # issued in the future
        ({"iat": NOW, "exp": 10**15}, "TOKEN_LIFE_TOO_LONG"),
        ({"iat": "yesterday"}, "TOKEN_INVALID"),
    ],
)
async def test_a_token_lives_for_a_week_at_most(hs, clock, times, expected):
    verifier, token = TokenVerifier(hs, clock), signed(**times)
    if expected is None:
        assert (await verifier.verify(token)).subject == "me"
    else:
        assert await refusal(verifier, token) == expected


async def test_the_longest_life_holds_for_any_issuer_and_can_be_lifted(key_set, clock):
    token = signed(KEYS["RS256"], "RS256", {"kid": "key-RS256"}, exp=NOW + 2 * WEEK)
    assert await refusal(TokenVerifier(key_set, clock), token) == "TOKEN_LIFE_TOO_LONG"
    unlimited = key_set.model_copy(update={"auth": key_set.auth.model_copy(update={"max_token_life_s": 0.0})})
    assert (await TokenVerifier(unlimited, clock).verify(token)).subject == "me"


async def test_every_token_made_here_has_an_id_to_revoke_it_by(hs, clock):
    verifier, minter = TokenVerifier(hs, clock), TokenMinter(hs, clock)
    ids = {(await verifier.verify(minter.mint("me", "demo", ["view"], 60))).token_id for _ in range(10)}
    assert len(ids) == 10
    nameless = await verifier.verify(signed())
    assert nameless.token_id.startswith("sha256:")


async def test_a_token_is_read_again_after_five_minutes(key_set, clock):
    monotonic = Clock(0.0)
    verifier = TokenVerifier(key_set, clock, monotonic=monotonic)
    token = signed(KEYS["RS256"], "RS256", {"kid": "key-RS256"}, exp=NOW + 3600)
    assert (await verifier.verify(token)).subject == "me"
    verifier._key_set._keys = {}  # the provider has withdrawn its keys
    monotonic.advance(299)
    assert (await verifier.verify(token)).subject == "me"
    monotonic.advance(2)
    assert await refusal(verifier, token) == "TOKEN_INVALID"


def test_the_current_identity_is_the_one_acting():
    with pytest.raises(Unauthenticated) as caught:
        current_identity()
    assert caught.value.reason == "TOKEN_MISSING"
    me = Identity("me", "demo", frozenset({Scope.VIEW}), time.time() + 60)
    with acting_as(me):
        assert current_identity() is me
    with pytest.raises(Unauthenticated):
        current_identity()
