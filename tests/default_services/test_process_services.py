"""A service in a process of its own: the same calls, and an end that is noticed."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.errors import (
    CapabilityError,
    ConfigurationError,
    JobFailedError,
    PipelineError,
    ServiceError,
    ServiceNotFoundError,
    ServiceTimeoutError,
    ValueEncodingError,
)
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.default_services.process_services import (
    Buy,
    Doubler,
    OutOfStockError,
    Pool,
    Shop,
    Stubborn,
)
from tests.helpers import in_thread, no_leaks

pytestmark = pytest.mark.slow

WAIT_S = 60.0


@pytest.fixture
def kernel() -> Iterator[DefaultKernelFacade]:
    with no_leaks():
        facade = DefaultKernelFacade()
        yield facade
        facade.shutdown()


@pytest.fixture
def shop(kernel: DefaultKernelFacade, tmp_path: Path) -> DefaultKernelFacade:
    kernel.service_manager.register_service("shop", Shop, str(tmp_path))
    return kernel


def call(kernel: DefaultKernelFacade, method: str, *args: object, **kwargs: object) -> object:
    """Call the shop."""
    answer: object = kernel.service_manager.call_service("shop", method, *args, **kwargs)
    return answer


def wait_for(path: Path) -> None:
    """Wait until another process has made a file."""
    end_s = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_calls_lives_and_exceptions_are_those_of_any_service(
    shop: DefaultKernelFacade, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a service runs is a matter of registration, not of its callers."""
    pid = call(shop, "where")

    assert pid != os.getpid()
    assert call(shop, "where") == pid
    with caplog.at_level(logging.WARNING):
        assert call(shop, "buy", "tea", count=3) == "3 tea"
    with pytest.raises(OutOfStockError) as caught:
        call(shop, "buy", "tea", count=10)
    assert (caught.value.args, caught.value.left) == (("tea", 9), 9)
    with pytest.raises(ServiceNotFoundError, match=r"no public method 'sell'\. It has: ask_other"):
        call(shop, "sell")
    with pytest.raises(ServiceNotFoundError):
        call(shop, "cleanup")
    assert shop.service_manager.stop_service("shop")
    assert (tmp_path / "log").read_text() == "init setup start shop True stop cleanup"
    assert "sold tea" in caplog.text


def test_a_job_calls_its_service_from_threads_and_lanes(
    kernel: DefaultKernelFacade, tmp_path: Path
) -> None:
    """Steps in other processes reach it by way of the kernel."""
    for placement in ("kernel", "process"):
        env = LocalEnvironment("buy", kernel=kernel)
        env.register_service("shop", Shop, str(tmp_path))
        found: list[tuple[str, int]] = []
        bought = env.from_collection(["tea", "milk"]).map(Buy)
        if placement == "process":
            bought.set_placement("process")
        bought.sink(found.append)
        env.submit()
        env.wait(WAIT_S)

        assert [item for item, _ in found] == ["2 tea", "2 milk"]
        assert len({pid for _, pid in found} - {os.getpid()}) == 1
        assert (tmp_path / "log").read_text().endswith("stop cleanup")


def test_it_calls_other_services(shop: DefaultKernelFacade) -> None:
    """A model in a process uses the cache beside it."""
    shop.service_manager.register_service("doubler", Doubler)

    assert call(shop, "ask_other", "doubler", 21) == 42
    with pytest.raises(ServiceNotFoundError, match="'nobody'"):
        call(shop, "ask_other", "nobody", 1)


def test_several_workers_run_at_once_there(kernel: DefaultKernelFacade) -> None:
    """Two calls that wait for each other can only end together."""
    kernel.service_manager.register_service("pool", Pool)

    with (
        in_thread(kernel.service_manager.call_service, "pool", "meet") as one,
        in_thread(kernel.service_manager.call_service, "pool", "meet") as other,
    ):
        pass

    assert {one.result, other.result} == {0, 1}


@pytest.mark.parametrize(
    ("how", "said"), [("exit", "exited with code 7"), ("kill", "was killed by SIGKILL")]
)
def test_its_death_fails_open_and_later_calls_with_the_exit_status(
    shop: DefaultKernelFacade, tmp_path: Path, how: str, said: str
) -> None:
    """A caller must not wait for a deadline when nobody is left to answer."""
    with pytest.raises(ServiceError, match=f"'shop' has lost its process.*{said}"):
        call(shop, "die", how)
    with pytest.raises(ServiceError, match=said):
        call(shop, "where")
    with pytest.raises(ServiceError, match=said):
        shop.service_manager.stop_service("shop")
    assert isinstance(call(shop, "where"), int), "it can be started anew"


def test_r11_a_death_from_outside_is_noticed_while_a_call_is_open(
    shop: DefaultKernelFacade, tmp_path: Path
) -> None:
    """Within two seconds, whatever the deadline of the call."""
    pid = call(shop, "where")
    assert isinstance(pid, int)
    with in_thread(call, shop, "hang") as caller:
        wait_for(tmp_path / "hanging")
        os.kill(pid, signal.SIGKILL)
        killed_s = time.monotonic()

    assert time.monotonic() - killed_s < DefaultOptions().service_timeout / 2
    assert isinstance(caller.error, ServiceError)
    assert not isinstance(caller.error, ServiceTimeoutError)
    assert f"(process {pid}) was killed by SIGKILL" in str(caller.error)


def test_a_job_whose_service_dies_unnoticed_is_failed(
    kernel: DefaultKernelFacade, tmp_path: Path
) -> None:
    """Nobody called it any more; what its end should have done is not done even so."""
    gate, reached = threading.Event(), threading.Event()
    pids: list[int] = []

    def hold(bought: tuple[str, int]) -> None:
        pids.append(bought[1])
        reached.set()
        gate.wait(WAIT_S)

    env = LocalEnvironment("buy", kernel=kernel)
    env.register_service("shop", Shop, str(tmp_path))
    env.from_collection(["tea"]).map(Buy).sink(hold)
    env.submit()
    assert reached.wait(WAIT_S)
    os.kill(pids[0], signal.SIGKILL)
    gate.set()

    with pytest.raises(JobFailedError, match="was killed by SIGKILL"):
        env.wait(WAIT_S)


def test_a_deadline_passes_and_the_late_answer_is_dropped(
    shop: DefaultKernelFacade, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rules of calls do not depend on where the service runs."""
    client = shop.create_runtime_context({}).services
    call(shop, "where")
    late = client.call("shop", "wait_for_stop", timeout_s=0.1)
    with pytest.raises(ServiceTimeoutError):
        late.result()
    wait_for(tmp_path / "hanging")

    assert shop.service_manager.stop_service("shop"), "should_stop() ended the call"
    assert "wait_for_stop() answered after its call had ended" in caplog.text


@pytest.mark.parametrize("where", ["init", "setup", "stop"])
def test_one_that_hangs_is_killed_and_holds_nobody(
    kernel: DefaultKernelFacade, tmp_path: Path, where: str
) -> None:
    """Unlike a thread, a process can be ended: so nothing of it is left."""
    env = LocalEnvironment("hang", kernel=kernel)
    env.register_service("stubborn", Stubborn, where, str(tmp_path))
    first = threading.Event()
    numbers = env.from_collection(range(10**9)) if where == "stop" else env.from_collection([1])
    numbers.sink(lambda _: first.set())
    env.submit()
    if where == "stop":
        assert first.wait(WAIT_S)
    else:
        _pid_in(tmp_path)

    assert env.cancel(), "nothing was abandoned, so nothing is complained of"

    pid = _pid_in(tmp_path)
    assert not psutil.pid_exists(pid)
    assert env.status()["state"] is JobState.CANCELLED


def _pid_in(folder: Path) -> int:
    end_s = time.monotonic() + WAIT_S
    while not (found := [int(path.name) for path in folder.iterdir() if path.name.isdigit()]):
        assert time.monotonic() < end_s
        time.sleep(0.005)
    return found[0]


def test_a_failing_setup_is_cleaned_up_and_fails_the_job(
    kernel: DefaultKernelFacade, tmp_path: Path
) -> None:
    """What setup has taken before it failed must be let go there."""
    env = LocalEnvironment("fail", kernel=kernel)
    env.register_service("stubborn", Stubborn, "fail", str(tmp_path))
    env.from_collection([1]).sink(lambda _: None)
    env.submit()

    with pytest.raises(JobFailedError) as caught:
        env.wait(WAIT_S)

    assert isinstance(caught.value.__cause__, KeyError)
    assert (tmp_path / "cleaned").exists()


def test_what_cannot_travel_is_told_where_it_is_given(
    shop: DefaultKernelFacade, kernel: DefaultKernelFacade, tmp_path: Path
) -> None:
    """Arguments, results and recipes alike."""
    with pytest.raises(ValueEncodingError, match="lock"):
        call(shop, "buy", threading.Lock())
    with pytest.raises(ValueEncodingError, match="lock"):
        call(shop, "give_lock")
    env = LocalEnvironment("lock", kernel=kernel)
    lock = threading.Lock()
    env.register_service_factory("locked", partial(Shop, lock), placement="process")  # type: ignore[arg-type]
    env.from_collection([1]).sink(lambda _: None)

    with pytest.raises(PipelineError, match="'locked' cannot run in a process"):
        env.submit()


def test_what_it_started_dies_with_it(shop: DefaultKernelFacade) -> None:
    """No orphan, of whatever generation."""
    grandchild = call(shop, "start_child")
    assert isinstance(grandchild, int)

    shop.service_manager.stop_service("shop")

    end_s = time.monotonic() + WAIT_S
    while _is_running(grandchild):
        assert time.monotonic() < end_s
        time.sleep(0.005)


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_registration_decides_over_the_class(
    kernel: DefaultKernelFacade, tmp_path: Path
) -> None:
    """A class of somebody else runs where its user wants it."""
    found: list[tuple[str, int]] = []
    env = LocalEnvironment("here", kernel=kernel)
    env.register_service_factory("shop", partial(Shop, str(tmp_path)), placement="kernel")
    env.from_collection(["tea"]).map(Buy).sink(found.append)
    env.submit()
    env.wait(WAIT_S)

    assert found == [("2 tea", os.getpid())]
    with pytest.raises(ConfigurationError, match="'thread'; it is one of process, kernel"):
        env.register_service_factory("other", dict, placement="thread")  # type: ignore[arg-type]


def test_a_kernel_without_processes_refuses_it() -> None:
    """Nothing is started that would run elsewhere than asked."""
    for spec in ("mock", "default?driver=sim"):
        env = LocalEnvironment("apart", kernel=spec)
        env.register_service("shop", Shop, "")
        env.from_collection([1]).sink(print)
        with env, pytest.raises(CapabilityError, match="'shop' needs 'process-lanes'"):
            env.submit()
