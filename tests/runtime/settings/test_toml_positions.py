from __future__ import annotations

import pytest

from services.runtime.settings.toml_positions import line_of

TEXT = '''\
data_dir = "x"

[privacy]
denied_words = [
  "a",
]
  [ privacy . rules ]  # spaced
email = "hash"
"phone" = "keep"

[[projects]]
id = "one"
privacy.rules.email = "block"

[[projects]]
id = "two"
[projects.privacy.custom.order]
pattern = """
not = a key, but a line of a text
"""
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("data_dir",), 1),
        (("privacy",), 3),
        (("privacy", "denied_words"), 4),
        (("privacy", "rules", "email"), 8),
        (("privacy", "rules", "phone"), 9),
        (("privacy", "rules", "iban"), 7),
        (("projects",), 11),
        (("projects", 0, "privacy", "rules", "email"), 13),
        (("projects", 1, "id"), 16),
        (("projects", 1, "privacy", "custom", "order", "pattern"), 18),
        (("projects", 1, "privacy", "custom", "order", "method"), 17),
        (("projects", 1, "privacy", "rules"), 17),
        (("clickhouse", "url"), 0),
    ],
)
def test_the_line_of_a_key_or_of_what_is_nearest_above_it(keys, line):
    assert line_of(TEXT, keys) == line
