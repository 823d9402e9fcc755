"""Sides are compared fairly, and only if they did the work."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.aims import judge
from benchmarks.measure import Effort, measure_case
from benchmarks.ratios import paired_ratio, percentiles
from benchmarks.report import table
from benchmarks.values import Aim, Case, LocalSide, Sample

MakeCase = Callable[..., Case]


def twice_as_fast(size: int) -> Sample:
    return Sample(0.0005 * size, size, f"{size} done", {"left": 3.0})


def lossy(size: int) -> Sample:
    return Sample(0.0001 * size, size, f"{size - 1} done")


def broken(size: int) -> Sample:
    raise OSError("no space left")


def test_a_side_with_another_result_is_refused(make_case: MakeCase, tiny: Effort) -> None:
    """An engine that loses records would look fast, and readers would believe it."""
    result = measure_case(make_case(lossy), [], tiny)

    side = result.sides[1]
    assert side.reason is not None
    assert side.reason.startswith("wrong result: ")
    assert not side.samples
    assert "not measured: wrong result" in table([result])


def test_a_side_that_breaks_late_is_refused_too(make_case: MakeCase, tiny: Effort) -> None:
    """A wrong result in a timed round must not hide behind a right one in the warm-up."""
    calls = 0

    def wears_out(size: int) -> Sample:
        nonlocal calls
        calls += 1
        return lossy(size) if calls > 4 else twice_as_fast(size)

    result = measure_case(make_case(wears_out), [], tiny)

    assert result.sides[1].reason is not None
    assert not result.sides[1].samples


def test_one_broken_side_leaves_the_others_alone(make_case: MakeCase, tiny: Effort) -> None:
    """A missing peer must not cost the reader the rest of the table, nor vanish from it."""
    result = measure_case(make_case(broken, twice_as_fast), [], tiny)

    assert result.sides[1].reason == "OSError: no space left"
    assert len(result.sides[2].samples) == tiny.repetitions
    assert "OSError: no space left" in table([result])


def test_sides_take_turns_and_every_second_round_runs_backwards(tiny: Effort) -> None:
    """A machine that gets slower while it measures would favour whoever goes first."""
    turns: list[str] = []

    def noting(name: str) -> LocalSide:
        def run(size: int) -> Sample:
            turns.append(name)
            return Sample(1.0, size, "same")

        return LocalSide(name, run)

    case = Case("made", "up", (noting("a"), noting("b")), 1, 1, scales=False)
    measure_case(case, [], tiny)

    assert turns[-4:] == ["a", "b", "b", "a"]


def test_a_slow_side_gets_a_smaller_input(make_case: MakeCase) -> None:
    """A peer that is a thousand times slower would make a run last for hours."""
    effort = Effort(repetitions=1, quick=False, limit_s=0.02)

    result = measure_case(make_case(twice_as_fast), [], effort)

    assert 1 <= result.sides[1].size < 100


def test_a_slow_start_is_spread_over_enough_records() -> None:
    """A peer that needs a second to start would look slow at every record."""

    def slow_start(size: int) -> Sample:
        return Sample(1.0 + 0.001 * size, size, "same")

    case = Case("made", "up", (LocalSide("slow", slow_start),), 1_000_000, 10)

    result = measure_case(case, [], Effort(repetitions=1, quick=False, limit_s=0.5))

    (sample,) = result.sides[0].samples
    assert sample.seconds >= 2.9


@pytest.mark.parametrize(("is_most", "rounds"), [(False, 7), (True, 2)])
def test_a_case_has_its_own_number_of_rounds_unless_fewer_are_asked_for(
    is_most: bool, rounds: int
) -> None:
    """Whoever wants a short look at everything must not wait for the longest case."""
    sides = (LocalSide("made", lambda size: Sample(0.001, size, "same")),)
    case = Case("made", "up", sides, 100, 10, repetitions=7)

    result = measure_case(case, [], Effort(2, quick=False, limit_s=0.01, is_most=is_most))

    assert len(result.sides[0].samples) == rounds


def test_ratios_are_taken_in_pairs() -> None:
    """Two medians from different moments compare the machine's moods, not the sides."""
    ratio = paired_ratio([1.0, 10.0, 4.0], [2.0, 20.0, 2.0], "speed")

    assert (ratio.low, ratio.median, ratio.high) == (0.5, 0.5, 2.0)


def test_time_ratios_are_the_reverse_of_speed_ratios() -> None:
    """A table that mixes up both directions turns every conclusion around."""
    assert paired_ratio([1.0], [4.0], "time").median == 4.0
    assert paired_ratio([1.0], [4.0], "speed").median == 0.25


def test_percentiles_are_values_that_occurred() -> None:
    """An interpolated p99 of a latency is a delay that nobody had."""
    found = percentiles([float(n) for n in range(101)])

    assert (found["p50"], found["p99"], found["p100"]) == (50.0, 99.0, 100.0)


def test_aims_are_judged_against_the_best_variant(make_case: MakeCase, tiny: Effort) -> None:
    """Beating a peer's worst settings proves nothing."""
    aims = (Aim(at_least=1.5), Aim(at_least=2.5), Aim(None, "left", at_most=1.0))

    def slow(size: int) -> Sample:
        return Sample(0.01 * size, size, f"{size} done", {"left": 0.0})

    missed = judge(measure_case(make_case(slow, aims=aims), [], tiny))
    best = judge(measure_case(make_case(slow, twice_as_fast, aims=aims), [], tiny))

    assert [verdict.met for verdict in missed] == [False, False, True]
    assert [verdict.met for verdict in best] == [True, False, False]
