"""How many records a task takes at once follows from what the last ones cost."""

from __future__ import annotations

from sage_kernel_default.engine.pacing import Pace


def after_frames(pace: Pace, frames: int, per_record_s: float, poll_s: float = 0.0) -> int:
    """Let *pace* learn from frames as large as it says, and return the next size."""
    for _ in range(frames):
        count = pace.limit
        pace.took(count * (per_record_s + poll_s), count, waited_s=count * poll_s)
    return pace.limit


def test_quick_steps_get_full_frames_within_a_few_steps() -> None:
    """Frames that stay small cost a user with quick functions half of the speed."""
    assert after_frames(Pace(4096, 0.0005), 13, per_record_s=1e-8) == 4096


def test_a_frame_of_slow_records_is_as_long_as_it_may_be_held_back() -> None:
    """Who waits for results must not wait for hundreds of slow records."""
    assert 9 <= after_frames(Pace(4096, 0.0005), 20, per_record_s=5e-5) <= 10


def test_a_frame_may_take_longer_where_records_behind_it_wait_for_much_longer() -> None:
    """A lane that is seconds behind gains nothing from results that come every few milliseconds."""
    pace = Pace(4096, 0.002, patient_s=0.008)

    def after_frames_with(behind: int) -> int:
        for _ in range(20):
            pace.took(pace.limit * 5e-5, pace.limit, behind=behind)
        return pace.limit

    assert after_frames_with(behind=0) == 40
    assert after_frames_with(behind=300) == 40, "an eighth of their time is less"
    assert after_frames_with(behind=800) == 100
    assert after_frames_with(behind=4000) == 160, "no longer than it may be patient"
    assert after_frames_with(behind=0) == 40


def test_a_source_that_waits_for_its_records_hands_them_on_one_by_one() -> None:
    """A record that has arrived would otherwise wait for the ones after it."""
    assert after_frames(Pace(4096, 0.0005), 20, per_record_s=1e-6, poll_s=1e-4) == 1


def test_waiting_records_share_a_frame_where_sending_is_dear() -> None:
    """At a message per record, a busy source drowns the processes behind it in messages."""
    pace = Pace(4096, 0.0005)

    pace.took(1e-4, 1, waited_s=1e-4, sent_s=3e-5)
    assert pace.limit == 2

    pace.took(2e-4, 2, waited_s=2e-4, sent_s=1.0)
    assert pace.limit == 5, "held back for no longer than half a millisecond"


def test_frames_of_large_records_stay_small() -> None:
    """Sixteen thousand arrays of a megabyte are no frame, however quick they are to pass on."""
    pace = Pace(4096, 0.0005)
    for _ in range(10):
        pace.took(1e-6, pace.limit, fitting=4)

    assert pace.limit == 4
    assert after_frames(pace, 13, per_record_s=1e-8) == 4096, "small ones follow"


def test_a_source_that_begins_to_wait_is_noticed_after_one_frame() -> None:
    """After a burst the latency must be back at once, not after dozens of frames."""
    pace = Pace(4096, 0.0005)
    assert after_frames(pace, 10, per_record_s=1e-8) > 500

    assert after_frames(pace, 1, per_record_s=1e-8, poll_s=1e-4) == 1


def test_a_quick_source_that_was_held_up_once_recovers() -> None:
    """A thread that lost its core for a moment is not slow for ever."""
    pace = Pace(4096, 0.0005)
    pace.took(0.005, 1, waited_s=0.005)

    assert after_frames(pace, 13, per_record_s=1e-8) == 4096
