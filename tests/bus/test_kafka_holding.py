"""What a member of a Kafka group may commit, and where it reads on, without a Kafka."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiokafka.errors import (  # type: ignore[import-untyped]
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]

from services.bus.errors import FencedError
from services.bus.kafka_holding import Holding
from services.bus.kafka_offsets import read_answer
from services.bus.port import Record

RECORD = Record("news", 0, 0, "k", b"v", {}, datetime(2030, 1, 1, tzinfo=UTC))


def at(offset: int, partition: int = 0) -> Record:
    return replace(RECORD, partition=partition, offset=offset)


@pytest.fixture
def holding() -> Holding:
    """Holds partition 0 from its committed offset 10; 10 to 14 are in hand."""
    holding = Holding("news", "readers")
    holding.assigned([0])
    assert holding.settle(0, 10, 0) == 10
    holding.hand_out(at(offset) for offset in range(10, 15))
    return holding


def test_a_group_that_never_committed_starts_at_the_earliest_record() -> None:
    holding = Holding("news", "readers")
    holding.assigned([0])
    assert holding.settle(0, None, 7) == 7


def test_what_was_handed_out_can_be_committed_once(holding: Holding) -> None:
    assert holding.next_commit(at(12)) == 13
    holding.committed(0, 13)
    assert holding.next_commit(at(12)) is None
    assert holding.next_commit(at(11)) is None
    assert holding.next_commit(at(14)) == 15


def test_work_is_in_hand_until_all_is_committed(holding: Holding) -> None:
    holding.committed(0, 14)
    assert holding.has_work_in_hand()
    holding.committed(0, 15)
    assert not holding.has_work_in_hand()


@pytest.mark.parametrize("stranger", [at(15), at(9), at(10, partition=1)])
def test_what_was_not_handed_out_cannot_be_committed(holding: Holding, stranger: Record) -> None:
    with pytest.raises(FencedError, match=f"offset {stranger.offset} of news"):
        holding.next_commit(stranger)


def test_a_partition_that_comes_back_untouched_goes_on_where_it_was(holding: Holding) -> None:
    holding.committed(0, 12)
    holding.assigned([0, 1])
    assert holding.unsettled == {0, 1}
    assert holding.settle(0, 12, 0) == 15
    assert holding.next_commit(at(14)) == 15


def test_a_partition_that_somebody_else_has_worked_on_starts_where_that_one_ended(
    holding: Holding,
) -> None:
    holding.assigned([0])
    assert holding.settle(0, 20, 0) == 20
    with pytest.raises(FencedError):
        holding.next_commit(at(12))


def test_a_partition_that_was_lost_and_comes_back_later_starts_at_the_commit(
    holding: Holding,
) -> None:
    holding.assigned([1])
    with pytest.raises(FencedError):
        holding.next_commit(at(12))
    holding.assigned([0])
    assert holding.settle(0, 10, 0) == 10
    with pytest.raises(FencedError):
        holding.next_commit(at(12))


def test_rewinding_goes_back_to_the_commit_and_a_broken_call_does_not(holding: Holding) -> None:
    holding.unsettle()
    assert holding.settled() == []
    assert holding.settle(0, 10, 0) == 15
    holding.rewind()
    assert holding.settled() == []
    assert holding.unsettled == {0}
    assert holding.settle(0, 10, 0) == 10


# The coordinator's answer

ONE, TWO = TopicPartition("news", 0), TopicPartition("news", 1)


def test_an_answer_tells_a_commit_from_none() -> None:
    topics = [("news", [(0, 7, "", 0), (1, -1, "", 0)])]
    assert read_answer(0, topics, [ONE, TWO]) == {ONE: 7, TWO: None}


def test_an_answer_that_is_an_error_is_never_taken_for_a_group_that_never_committed() -> None:
    with pytest.raises(GroupLoadInProgressError):
        read_answer(14, [], [ONE])
    with pytest.raises(NotCoordinatorForGroupError):
        read_answer(0, [("news", [(0, -1, "", 16)])], [ONE])
    with pytest.raises(KafkaError, match="says nothing about"):
        read_answer(0, [("news", [(0, 7, "", 0)])], [ONE, TWO])
