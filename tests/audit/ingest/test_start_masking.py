"""A recorder's start is masked before it is stored, and still found by the visitor's id."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import session_filter_pb2
from support.audit_server import SECRET, audit_settings, click, new_session, running, start_of

from services.audit.domain_settings import policies_in_force
from services.audit.model import WindowHead, WindowKey
from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.masking.start_fields import mask_head, stored_actor_id
from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.registry import Policies
from services.runtime.settings.loader import SettingsError

KEY = b"k" * 32
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


def masker(**policy: object) -> Masker:
    return Masker(load_policy(policy, None, "test"), KEY)


def head(**fields: object) -> WindowHead:
    return WindowHead(WindowKey("demo", uuid.UUID(int=1), uuid.UUID(int=2)), dt.date(2026, 1, 1), **fields)  # type: ignore[arg-type]


def masked(which: Masker, **fields: object) -> WindowHead:
    return mask_head(head(**fields), which)[0]


@pytest.mark.parametrize(
    "field", ["user_agent", "language", "recorder_name", "recorder_version", "browser", "system", "actor_id"]
)
def test_rules_apply_to_every_text(field):
    found, counts = mask_head(head(**{field: "by dana@example.com"}), masker())
    assert "dana" not in getattr(found, field)
    assert counts == {("email", "start"): 1}


def test_tags_lose_what_denied_words_and_rules_name():
    tags = {
        "plan": "pro",
        "password": "hunter2",
        "who": "dana@example.com",
        "lind@example.com": "x",
        "u": '{"token":"hunter2"}',
    }
    found = masked(masker(), tags=tags).tags
    assert found["plan"] == "pro"
    assert len(found) == len(tags)
    assert not any(secret in str(found) for secret in ("hunter2", "dana", "lind"))


def test_versions_of_browsers_are_no_addresses():
    assert masked(masker(), user_agent=AGENT).user_agent == AGENT
    assert "203.0.113.9" not in masked(masker(), user_agent=f"{AGENT} (203.0.113.9)").user_agent


def test_urls_and_agents_are_masked_before_they_are_cut():
    url = "https://h.example/" + "a" * 2_010 + "?mail=x&card=4111 1111 1111 1111"
    found = masked(masker(), first_url=url, user_agent="x" * 1_013 + " 4111 1111 1111 1111")
    assert len(found.first_url) <= 2_048
    assert "4111" not in found.first_url
    assert "4111" not in found.user_agent


def test_the_id_of_a_visitor_gets_a_hash_and_never_a_mask_that_others_have_too():
    one, two = (masked(masker(), actor_id=f"{name}@example.com").actor_id for name in ("dana", "lind"))
    assert one != two
    assert masked(masker(), actor_id="customer-17").actor_id == "customer-17"
    assert masked(masker(actor_id="plain"), actor_id="dana@example.com").actor_id == "dana@example.com"
    hashed = masked(masker(actor_id="hash"), actor_id="customer-17").actor_id
    assert hashed.startswith("[actor_id:")
    assert masked(masker(actor_id="hash"), actor_id=hashed).actor_id == hashed
    assert masked(masker(preset="strict"), actor_id="customer-17").actor_id == hashed


def test_without_a_secret_no_id_is_hashed():
    found, _ = mask_head(head(actor_id="dana@example.com"), masker(), is_keyed=False)
    assert found.actor_id == "[email]"


def test_strict_keeps_the_host_of_the_first_url():
    assert masked(masker(preset="strict"), first_url="https://h.example/dana").first_url.startswith(
        "https://h.example/masked-"
    )


def test_hashed_ids_need_a_secret(tmp_path):
    jwks = {"jwks_url": "https://id.example/keys", "issuer": "https://id.example", "audience": "a"}
    settings = audit_settings(tmp_path, auth=jwks, environment="production", privacy={"actor_id": "hash"})
    with pytest.raises(SettingsError, match=r'privacy\.actor_id: "hash" needs auth\.secret'):
        policies_in_force(settings)


def test_hashes_under_a_former_secret_are_asked_for_too(tmp_path):
    new, old = SECRET[::-1], SECRET
    privacy = {"actor_id": "hash"}
    before = policies_in_force(audit_settings(tmp_path, auth={"secret": old}, privacy=privacy))["demo"]
    settings = audit_settings(tmp_path, auth={"secrets": [new, old]}, privacy=privacy)
    during = Policies(policies_in_force(settings))
    stored = stored_actor_id("dana@example.com", before.masker, Counts())
    assert stored in during.actor_ids("demo", "dana@example.com")
    assert stored_actor_id("dana@example.com", during.of("demo").masker, Counts()) != stored


@pytest.mark.parametrize("mode", ["rules", "hash"])
@pytest.mark.timeout(600)
async def test_sessions_are_found_and_deleted_by_the_id_as_the_site_knows_it(tmp_path, mode):
    settings = audit_settings(tmp_path, privacy={"actor_id": mode})
    plain = settings.model_copy(update={"privacy": {"preset": "keep_all"}})
    dana, lind = "dana@example.com", "lind@example.com"
    old, new, other = (new_session() for _ in range(3))
    async with running(plain) as audit:  # recorded before ids were masked
        await audit.record(old, [[click(start_of(old))]], actor_id=dana)
    async with running(settings) as audit:
        tags = {"token": "hunter2", "plan": "pro"}
        await audit.record(new, [[click(start_of(new))]], actor_id=dana, user_agent=f"by {lind}", tags=tags)
        await audit.record(other, [[click(start_of(other))]], actor_id=lind)
        stored = (await audit.session(new)).session
        assert not any(secret in str(stored) for secret in ("dana", "lind", "hunter2"))
        assert dict(stored.tags)["plan"] == "pro"

        async def found(actor_id: str) -> set[str]:
            wanted = session_filter_pb2.SessionFilter(actor_id=actor_id)
            return {each.session_id for each in await audit.sessions(filter=wanted)}

        assert await found(dana) == {old, new}
        assert await found(stored.actor_id) == {new}
        assert await found("***") == set()
        deleted = await audit.stub.DeleteSessions(pb.DeleteSessionsRequest(actor_id=dana), metadata=audit.auth("admin"))
        assert deleted.session_count == 2
        assert {each.session_id for each in await audit.sessions()} == {other}
