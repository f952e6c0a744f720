"""What may be committed: never past a record that was not finished or did not come."""

from hypothesis import given
from hypothesis import strategies as st

from services.matcher.progress import Leave, Missing, Progress, Take


def started(position: int = 5) -> Progress:
    progress = Progress()
    progress.start({0: position})
    return progress


def test_nothing_is_due_before_something_is_finished() -> None:
    progress = started()
    assert progress.arrived(0, 5) == Take()
    assert progress.due() == {}


def test_the_offset_after_the_last_finished_record_is_due() -> None:
    progress = started()
    for offset in (5, 6):
        progress.arrived(0, offset)
        progress.finished(0, offset)
    progress.arrived(0, 7)
    assert progress.due() == {0: 7}


def test_a_record_of_a_partition_without_a_position_is_left() -> None:
    assert Progress().arrived(0, 5) == Leave()


def test_records_that_did_not_come_are_noticed_also_at_the_beginning() -> None:
    progress = started()
    assert progress.arrived(0, 7) == Missing(5)
    assert progress.arrived(0, 5) == Take()
    assert progress.arrived(0, 7) == Missing(6)


def test_repeats_are_taken_and_take_nothing_back() -> None:
    progress = started()
    for offset in (5, 6, 7):
        progress.arrived(0, offset)
        progress.finished(0, offset)
    progress.start({0: 5})
    assert progress.arrived(0, 5) == Take()
    progress.finished(0, 5)
    assert progress.arrived(0, 8) == Take()
    assert progress.due() == {0: 8}


def test_what_was_in_hand_before_a_rebalance_is_not_due_after_it() -> None:
    progress = started()
    progress.arrived(0, 5)
    progress.forget()
    progress.finished(0, 5)
    assert progress.due() == {}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8)), max_size=60))
def test_whatever_comes_only_unbroken_runs_of_finished_records_are_due(
    arrivals: list[tuple[int, int]],
) -> None:
    progress = Progress()
    progress.start({0: 0, 1: 3})
    finished: dict[int, set[int]] = {0: set(), 1: {0, 1, 2}}
    for partition, offset in arrivals:
        if isinstance(progress.arrived(partition, offset), Take):
            progress.finished(partition, offset)
            finished[partition].add(offset)
    for partition, due in progress.due().items():
        assert set(range(due)) <= finished[partition]
