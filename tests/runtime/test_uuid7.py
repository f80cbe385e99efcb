from __future__ import annotations

import uuid

from services.runtime.uuid7 import uuid7, uuid7_ms


def test_it_is_a_version_7_of_its_time():
    made = [uuid7(1_780_000_000_123) for _ in range(1000)]
    assert {uuid7_ms(one) for one in made} == {1_780_000_000_123}
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {uuid.RFC_4122}
    assert len(set(made)) == 1000
    assert uuid7(1) < uuid7(2)
