from __future__ import annotations

import pytest

from services.audit.privacy.policy.parser import load_policy
from services.audit.privacy.policy.policy import Method, Policy, PolicyError, TextMode, preset
from services.audit.privacy.policy.selectors import parse_selector

SOURCE = "afterimage.toml"


def problems(base: dict, override: dict | None = None) -> dict[str, str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(base, override, SOURCE)
    return {each.where: each.reason for each in caught.value.problems}


def method(policy: Policy, name: str) -> Method:
    return next(rule.method for rule in policy.rules if rule.name == name)


def test_the_default_blocks_what_is_highly_sensitive_and_masks_all_inputs():
    policy = load_policy({}, None, SOURCE)
    assert policy == preset("default")
    for name in ("payment_card", "us_ssn", "national_id", "jwt", "api_key", "url_credentials"):
        assert method(policy, name) is Method.BLOCK
    for name in ("email", "phone", "url_query"):
        assert method(policy, name) is Method.MASK
    for kind, autocomplete in (
        ("password", ""),
        ("hidden", ""),
        ("text", "one-time-code"),
        ("text", "section-x cc-csc"),
    ):
        assert policy.blocks_input(kind, autocomplete)
    assert not policy.blocks_input("text", "email")
    options = policy.recorder_options()
    assert options["mask_all_inputs"] is True
    assert options["block_selector"] == '.rr-block, [data-afterimage="block"]'
    assert {"password", "textarea", "select"} <= set(options["mask_input_types"])
    assert "authorization" in options["denied_headers"]
    assert policy.warnings == ()


def test_keep_all_is_loud():
    policy = load_policy({}, {"preset": "keep_all"}, SOURCE)
    assert policy.text_mode is TextMode.KEEP_ALL
    assert "NOTHING IS MASKED" in policy.warnings[0]
    assert policy.recorder_options()["mask_input_types"] == []


def test_text_mode_keep_all_is_loud_too():
    assert "NOTHING IS MASKED" in load_policy({"text_mode": "keep_all"}, None, SOURCE).warnings[0]


def test_the_version_changes_with_the_policy_and_only_with_it():
    first = load_policy({}, None, SOURCE)
    assert len(first.version) == 16
    assert int(first.version, 16) >= 0
    assert load_policy({"rules": {"email": "mask"}}, None, "elsewhere").version == first.version
    assert load_policy({"rules": {"email": "hash"}}, None, SOURCE).version != first.version
    assert load_policy({"denied_words": ["pesel"]}, None, SOURCE).version != first.version


def test_a_project_adds_to_the_lists_and_replaces_the_rest():
    policy = load_policy(
        {
            "rules": {"email": "block", "phone": "keep"},
            "selectors": {"block": [".bank"]},
            "kept_query_parameters": ["Q"],
        },
        {"rules": {"email": "hash"}, "selectors": {"block": ["#pay"]}, "national_ids": ["se"]},
        SOURCE,
    )
    assert method(policy, "email") is Method.HASH
    assert method(policy, "phone") is Method.KEEP
    assert [each.text for each in policy.block][-2:] == [".bank", "#pay"]
    assert "q" in policy.kept_query_parameters
    assert policy.national_ids == ("se",)
    assert policy.recorder_options()["block_selector"].endswith(".bank, #pay")


def test_all_problems_are_told_at_once_with_their_place():
    found = problems(
        {
            "preset": "paranoid",
            "text_mode": "some",
            "colour": 1,
            "rules": {"emial": "mask", "email": "shred"},
            "selectors": {"block": ["div > p", ".x"], "hide": [".y"]},
            "custom": {
                "back": {"pattern": r"(a)\1"},
                "ahead": {"pattern": "(?=a)", "method": "mask"},
                "empty": {"pattern": "a*"},
                "email": {"pattern": "a"},
                "none": {"method": "mask"},
                "more": {"pattern": "a", "flags": "i"},
            },
            "denied_headers": "cookie",
            "national_ids": ["se", "atlantis"],
        },
        {"selectors": {"unmask": [".x"]}, "kept_inputs": ["password"]},
    )
    assert set(found) == {
        "afterimage.toml: [privacy] preset",
        "afterimage.toml: [privacy] text_mode",
        "afterimage.toml: [privacy] colour",
        "afterimage.toml: [privacy] denied_headers",
        "afterimage.toml: [privacy] national_ids",
        "afterimage.toml: [privacy.rules] emial",
        "afterimage.toml: [privacy.rules] email",
        "afterimage.toml: [privacy.selectors] block",
        "afterimage.toml: [privacy.selectors] hide",
        "afterimage.toml: [privacy.custom.back] pattern",
        "afterimage.toml: [privacy.custom.ahead] pattern",
        "afterimage.toml: [privacy.custom.empty] pattern",
        "afterimage.toml: [privacy.custom.email] name",
        "afterimage.toml: [privacy.custom.none] pattern",
        "afterimage.toml: [privacy.custom.more] flags",
        "afterimage.toml: [projects.privacy.selectors] unmask",
        "afterimage.toml: [projects.privacy] kept_inputs",
    }
    assert "RE2" in found["afterimage.toml: [privacy.custom.ahead] pattern"]
    assert "tag.class" in found["afterimage.toml: [privacy.selectors] block"]


@pytest.mark.parametrize(
    "values", [{"rules": []}, {"selectors": 3}, {"custom": [1]}, {"custom": {"x": 1}}, {"preset": ["a"]}]
)
def test_tables_of_the_wrong_kind_are_problems_not_crashes(values):
    assert problems(values)


@pytest.mark.parametrize(
    ("text", "tag", "attributes"),
    [
        ("input", "input", {}),
        (".a-b", "p", {"class": "x a-b y"}),
        ("#main", "p", {"id": "main"}),
        ("[hidden]", "p", {"hidden": True}),
        ('[data-a="x y"]', "p", {"data-a": "x y"}),
        ("[data-a=x]", "p", {"data-a": "x"}),
        ("p.lead", "p", {"class": "lead"}),
    ],
)
def test_selector_forms(text, tag, attributes):
    selector = parse_selector(text)
    assert selector.matches(tag, attributes)
    assert not selector.matches("b", {"class": "a-bc", "id": "man"})


@pytest.mark.parametrize("text", ["", "*", "a b", "a>b", ".a.b", "a:hover", "[a^=b]", "#a.b", "[a", "p[a]", ".ä"])
def test_other_forms_are_refused(text):
    with pytest.raises(ValueError, match="supported"):
        parse_selector(text)
