"""Must show 1: the project's own kernels keep all that they declare."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sage_kernel_api.testing import Profile, Report, verify_kernel
from sage_kernel_api.testing.catalogue import every_contract_test, untested
from sage_kernel_api.testing.kernel_source import KernelSource
from sage_kernel_api.testing.profiles import PROFILE_OF
from sage_kernel_api.testing.verifying import declared_by
from sage_kernel_api.values import Capability
from tests.conformance.conftest import KERNELS
from tests.conformance.doors import doors_of

Reports = Callable[[str, Profile], Report]


def problems_of(report: Report) -> str:
    return "\n".join(
        f"{one.test.test_id}: {one.verdict.value}: {one.message}"
        for one in report.outcomes
        if one.verdict != "kept"
    )


@pytest.mark.parametrize(
    "profile",
    [p if p == "core" else pytest.param(p, marks=pytest.mark.slow) for p in Profile],
)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_of_the_project_keeps_what_it_declares(
    report: Reports, kernel: str, profile: Profile
) -> None:
    """Whoever chooses a kernel by its capabilities would be let down."""
    found = report(kernel, profile)

    assert found.is_kept, problems_of(found) or found.results


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("profile", Profile)
def test_the_default_kernel_keeps_it_on_process_lanes(profile: Profile) -> None:
    """`lanes=process` must not be a different kernel."""
    found = verify_kernel("default?lanes=process&processes=2", [profile])

    assert found.is_kept, problems_of(found) or found.results


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("profile", Profile)
def test_the_simulated_kernel_keeps_what_it_declares(profile: Profile) -> None:
    """What passes in a simulation would fail in production, or the other way round."""
    spec = "default?driver=sim"
    found = verify_kernel(spec, [profile], doors=doors_of(spec))

    assert found.is_kept, problems_of(found) or found.results


@pytest.mark.soak
@pytest.mark.parametrize(
    "spec", ["default?frame_size=16&channel_capacity=32", "mock?seed=7"], ids=["small", "seeded"]
)
def test_small_frames_and_random_orders_change_nothing(spec: str) -> None:
    """Faults at the seams of frames, and orders that a test happened to see, would hide."""
    found = verify_kernel(spec, [Profile.DELIVERY])

    assert found.is_kept, problems_of(found)


def test_there_are_at_least_250_tests_each_with_a_promise() -> None:
    """A kit that grows thin, or tests what nobody promised, is worth little."""
    tests = every_contract_test()

    assert len(tests) >= 250
    assert len({test.function for test in tests}) >= 250
    assert all(len(test.promise) > 20 for test in tests)


def test_every_capability_has_a_profile() -> None:
    """A new capability would be declared, and judged by nobody."""
    assert set(PROFILE_OF) == set(Capability)


@pytest.mark.parametrize("spec", ["default", "mock"])
def test_nothing_declared_is_without_a_test(spec: str) -> None:
    """Must show 1: nothing declared is skipped."""
    assert untested(declared_by(KernelSource.of_spec(spec))) == ()
