"""Turns of projects and windows in the pool's queue."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.audit.ingest.sender import Sender
from services.audit.ingest.workers.turns import Turns

ITEMS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=30)


def drained(turns: Turns) -> list:
    found = []
    while (item := turns.take()) is not None:
        found.append(item)
    return found


def test_projects_take_turns_then_windows():
    turns: Turns[str] = Turns()
    for item in ("a1.1", "a1.2", "a1.3", "a2.1", "b1.1", "b1.2", "c1.1"):
        turns.put(item[0], item[1], item)
    assert drained(turns) == ["a1.1", "b1.1", "c1.1", "a2.1", "b1.2", "a1.2", "a1.3"]
    assert len(turns) == 0


def test_a_project_that_comes_later_has_its_turn_after_one_of_each_other():
    turns: Turns[str] = Turns()
    for number in range(100):
        turns.put("a", number, f"a{number}")
    turns.take()
    turns.put("b", 1, "b")
    assert [turns.take(), turns.take()] == ["a1", "b"]


def test_addresses_then_subjects_take_turns_before_windows():
    turns: Turns[str] = Turns()
    for number in range(50):  # one address with many subjects, and one subject with many windows
        turns.put("a", number, f"many {number}", Sender(f"s{number}", "198.51.100.1"))
        turns.put("a", number, f"windows {number}", Sender("s", "198.51.100.2"))
    turns.put("a", 1, "other subject", Sender("t", "198.51.100.2"))
    turns.put("a", 1, "other address", Sender("s", "198.51.100.3"))
    assert [turns.take() for _ in range(6)] == [
        "many 0", "windows 0", "other address", "many 1", "other subject", "many 2",
    ]  # fmt: skip


def test_addresses_are_left_out_as_asked():
    turns: Turns[str] = Turns()
    for project, address in (("a", "1"), ("b", "1"), ("b", "2")):
        turns.put(project, 0, project + address, Sender("", address))
    assert turns.take({"1"}) == "b2"
    assert turns.take({"1"}) is None
    assert len(turns) == 2
    assert drained(turns) == ["a1", "b1"]


def test_an_item_is_discarded_unless_it_was_taken():
    turns: Turns[str] = Turns()
    sender = Sender("s", "198.51.100.1")
    for item in ("one", "two", "three"):
        turns.put("a", 1, item, sender)
    assert turns.take() == "one"
    assert not turns.discard("a", 1, "one", sender)
    assert not turns.discard("b", 1, "two", sender)
    assert turns.discard("a", 1, "two", sender)
    assert (len(turns), drained(turns)) == (1, ["three"])
    turns.put("a", 1, "four", sender)
    assert turns.discard("a", 1, "four", sender)
    assert not turns._projects


@given(ITEMS)
def test_nothing_is_lost_and_each_window_stays_in_order(items):
    turns: Turns[tuple] = Turns()
    for number, (project, window) in enumerate(items):
        turns.put(project, window, (project, window, number))
    assert len(turns) == len(items)
    found = drained(turns)
    assert sorted(each[2] for each in found) == list(range(len(items)))
    for key in set(items):
        numbers = [number for project, window, number in found if (project, window) == key]
        assert numbers == sorted(numbers)
    assert not turns._projects
