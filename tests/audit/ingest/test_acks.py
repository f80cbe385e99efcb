"""Acks: cumulative, after storage, and again for a chunk that is sent twice."""

from __future__ import annotations

from services.audit.ingest.acks import Ack, Acks


def test_only_stored_chunks_are_acknowledged_and_all_at_once():
    acks = Acks(1_000)
    acks.received(10)
    acks.received(20)
    assert acks.due() is None
    acks.stored(1, 10)
    acks.stored(2, 20)
    assert acks.due() == Ack(2)
    assert acks.due() is None


def test_a_chunk_that_is_sent_again_is_acknowledged_again_once_it_is_stored():
    acks = Acks(1_000)
    acks.resume(3)
    assert acks.due() is None
    assert not acks.repeat(4)
    assert acks.due() is None
    assert acks.repeat(2)
    assert acks.due() == Ack(3)
    assert acks.due() is None


def test_a_recorder_waits_while_too_many_bytes_are_on_their_way():
    acks = Acks(100)
    acks.received(100)
    assert not acks.is_full
    acks.received(1)
    assert acks.is_full
    acks.withdrawn(1)
    assert not acks.is_full
    acks.received(50)
    acks.stored(1, 100)
    assert not acks.is_full
