"""Custom partitioners: the user says which instance gets a record."""

from __future__ import annotations

import pytest

from sage_kernel_api import JobFailedError, LocalEnvironment, MapFunction, PipelineError
from sage_kernel_api.errors import InterfaceError

KERNELS = ("default", "mock")


class WhoAmI(MapFunction[int, tuple[int, int]]):
    def execute(self, data: int) -> tuple[int, int]:
        return self.ctx.parallel_index, data


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("parallelism", [1, 2, 4])
def test_the_partitioner_chooses_the_instance(kernel: str, parallelism: int) -> None:
    """Users who spread by load or by place rely on their own rule being followed."""
    with LocalEnvironment("custom", kernel=kernel) as env:
        numbers = env.from_collection(range(100)).partition_custom(lambda n, of: n // 10 % of)
        seen = numbers.map(WhoAmI, parallelism=parallelism).execute_and_collect()

    assert sorted(seen) == sorted((n // 10 % parallelism, n) for n in range(100))


@pytest.mark.parametrize("kernel", KERNELS)
def test_records_of_one_sender_stay_in_order(kernel: str) -> None:
    """A rule that sends related records to one place is of use only if they arrive in order."""
    with LocalEnvironment("custom", kernel=kernel) as env:
        numbers = env.from_collection(range(1000)).partition_custom(lambda n, of: n % 3 % of)
        seen = numbers.map(WhoAmI, parallelism=2).execute_and_collect()

    for index in range(2):
        mine = [number for instance, number in seen if instance == index]
        assert mine == sorted(mine)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("answer", [-1, 2, "1", None, 0.5])
def test_an_answer_that_names_no_instance_fails_the_job(kernel: str, answer: object) -> None:
    """A wrong rule must not lose records in silence."""

    def wrong(number: int, instances: int) -> int:
        return answer  # type: ignore[return-value]  # the wrong answer is what is tested

    with LocalEnvironment("custom", kernel=kernel) as env:
        numbers = env.from_collection([1, 2, 3]).map(abs, name="before").partition_custom(wrong)
        numbers.map(WhoAmI, parallelism=2).sink(lambda record: None)

        with pytest.raises(JobFailedError, match="from 0 to 1") as failure:
            env.submit(autostop=True)

    assert isinstance(failure.value.__cause__, InterfaceError)


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_a_partitioner_raises_fails_the_job_with_that_cause(kernel: str) -> None:
    """The author of the rule needs the original exception."""
    with LocalEnvironment("custom", kernel=kernel) as env:
        numbers = env.from_collection([1, 0]).map(abs, name="before")
        spread = numbers.partition_custom(lambda n, of: 1 // n)
        spread.map(WhoAmI, parallelism=2).sink(lambda record: None)

        with pytest.raises(JobFailedError, match=r"'before'.* failed on record 0") as failure:
            env.submit(autostop=True)

    assert isinstance(failure.value.__cause__, ZeroDivisionError)


def test_a_custom_edge_without_partitioner_is_refused_at_the_door() -> None:
    """Those who write pipeline descriptions by hand are told what is missing."""
    with LocalEnvironment("custom", kernel="mock") as env:
        env.from_collection([1]).partition_custom(lambda n, of: 0).map(WhoAmI, parallelism=2)
        config = env.build_pipeline_config()
        del config["transformations"][1]["inputs"][0]["partitioner"]

        with pytest.raises(PipelineError, match="has a partitioner"):
            env.kernel.job_manager.submit_job(config)
