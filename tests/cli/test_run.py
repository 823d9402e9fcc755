"""``sage-kernel run`` as a user sees it: what is printed where, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.cli.conftest import CommandLine

ENDLESS = """
    from sage_kernel_api import LocalEnvironment, SinkFunction, SourceFunction


    class Ticks(SourceFunction[int]):
        def execute(self) -> int:
            return 1


    class Show(SinkFunction[int]):
        def open(self) -> None:
            self.seen = 0

        def execute(self, data: int) -> None:
            self.seen += 1
            if self.seen == 3:
                print("running", flush=True)

        def close(self) -> None:
            print("closed", flush=True)


    env = LocalEnvironment("endless")
    env.from_source(Ticks).sink(Show)
"""

FAILING = """
    from sage_kernel_api import LocalEnvironment


    def halve(number: int) -> int:
        if number == 7:
            raise ValueError("seven is odd")
        return number // 2


    def build(env: LocalEnvironment) -> None:
        env.from_collection(range(10)).map(halve, name="halving").sink(print)
"""


def test_results_go_to_standard_output_and_progress_does_not(sage_kernel: CommandLine) -> None:
    """`sage-kernel run FILE > results` must hold results and nothing else."""
    sage_kernel.write(
        "words.py",
        """
        from sage_kernel_api import LocalEnvironment

        env = LocalEnvironment("words")
        env.from_collection(["to", "be"]).map(str.upper).sink(print)
        """,
    )

    outcome = sage_kernel("run", "words.py")

    assert outcome.code == 0
    assert outcome.out == "TO\nBE\n"
    assert outcome.err.startswith("words: finished")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("kernel", ["default", "mock"])
def test_the_kernel_option_wins_over_what_the_file_says(
    sage_kernel: CommandLine, kernel: str
) -> None:
    """Whoever types a kernel wants that one."""
    sage_kernel.write(
        "which.py",
        """
        from sage_kernel_api import LocalEnvironment, MapFunction

        env = LocalEnvironment("which", kernel="nothing-like-this")
        env.from_collection([1]).sink(print)
        """,
    )

    assert sage_kernel("run", "which.py", "--kernel", kernel).out == "1\n"
    refused = sage_kernel("run", "which.py")
    assert refused.code == 3
    assert "nothing-like-this" in refused.err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["sigint", "sigterm"]
)
def test_a_signal_cancels_the_job_and_closes_its_functions(
    sage_kernel: CommandLine, number: signal.Signals, code: int
) -> None:
    """Ctrl-C must not lose what a function writes when it is closed."""
    sage_kernel.write("endless.py", ENDLESS)
    process = sage_kernel.start("run", "endless.py")
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"

    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert process.returncode == code
    assert out == "closed\n"
    assert "endless: cancelled" in err
    assert "Traceback" not in err


SPREAD = """
    import os
    import threading

    from sage_kernel_api import BaseService, LocalEnvironment, MapFunction, SourceFunction


    class Ticks(SourceFunction[int]):
        def execute(self) -> int:
            return 1


    class Apart(BaseService):
        placement = "process"

        def where(self) -> int:
            return os.getpid()


    class Where(MapFunction[int, tuple[int, int]]):
        pid = 0

        def execute(self, data: int) -> tuple[int, int]:
            self.pid = self.pid or self.call_service["apart"].where()
            return os.getpid(), self.pid


    told: set[int] = set()


    def tell(pids: tuple[int, int]) -> None:
        for pid in set(pids) - told:
            told.add(pid)
            print(pid)


    def spread(env: LocalEnvironment) -> None:
        env.register_service("apart", Apart)
        env.from_source(Ticks).map(Where, parallelism=2).set_placement("process").sink(tell)
"""


@pytest.mark.parametrize(
    ("number", "code", "sent_to"),
    [
        (signal.SIGINT, 130, "process"),
        (signal.SIGINT, 130, "group"),
        (signal.SIGTERM, 143, "process"),
        (signal.SIGKILL, -signal.SIGKILL, "process"),
    ],
    ids=["sigint", "ctrl-c", "sigterm", "sigkill"],
)
def test_r11_no_signal_leaves_a_child_behind(
    sage_kernel: CommandLine, number: signal.Signals, code: int, sent_to: str
) -> None:
    """A lane or service that outlives its program would run, unseen, until the machine stops."""
    sage_kernel.write("spread.py", SPREAD)
    process = sage_kernel.start(
        "run", "spread.py", "--kernel", "default?processes=2", is_group=True
    )
    assert process.stdout is not None
    children = [int(process.stdout.readline()) for _ in range(3)]

    if sent_to == "group":
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == code
    assert "Traceback" not in err
    end_s = time.monotonic() + 30
    while any(is_running(pid) for pid in children):
        assert time.monotonic() < end_s, "children left"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_signal_handlers_are_set_by_the_command_line_alone() -> None:
    """A library that takes Ctrl-C away breaks the program that uses it."""
    program = (
        "import signal; before = [signal.getsignal(n) for n in (2, 15)]\n"
        "from sage_kernel_api import LocalEnvironment\n"
        "with LocalEnvironment('plain', kernel='default?processes=1') as env:\n"
        "    env.from_collection([1]).map(str).set_placement('process').sink(print)\n"
        "    env.submit()\n"
        "    during = [signal.getsignal(n) for n in (2, 15)]\n"
        "    env.wait()\n"
        "print(before == during == [signal.getsignal(n) for n in (2, 15)])"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )

    assert run.stdout == "1\nTrue\n"


def test_a_terminal_shows_rates_while_the_job_runs(sage_kernel: CommandLine) -> None:
    """Without a sign of life, people stop a job that was getting on well."""
    sage_kernel.write("endless.py", ENDLESS)
    ours, theirs = os.openpty()
    process = sage_kernel.start("run", "endless.py", stderr=theirs)
    os.close(theirs)

    shown = ""
    while shown.count("/s)") < 4:
        shown += os.read(ours, 4096).decode()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    os.close(ours)

    assert "\r\x1b[2Kendless: running" in shown
    assert "| Ticks " in shown
    assert "| Show " in shown


def test_a_signal_ends_a_kernel_that_runs_jobs_on_the_callers_thread(
    sage_kernel: CommandLine,
) -> None:
    """There is nobody to look for a request to stop: the thread is busy with the job itself."""
    sage_kernel.write("endless.py", ENDLESS)
    process = sage_kernel.start("run", "endless.py", "--kernel", "mock")
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert out == "closed\n"
    assert "Traceback" not in err


def test_a_failing_record_is_shown_with_step_record_and_line(sage_kernel: CommandLine) -> None:
    """Without these, the user searches a thousand lines of code and a million records."""
    sage_kernel.write("failing.py", FAILING)

    outcome = sage_kernel("run", "failing.py", "--quiet")

    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    for part in ("halving", "7", "ValueError", "seven is odd", "failing.py:7"):
        assert part in outcome.err


def test_the_traceback_of_the_users_exception_is_there_for_the_asking(
    sage_kernel: CommandLine,
) -> None:
    """The message says where; sometimes one needs to know how one got there."""
    sage_kernel.write("failing.py", FAILING)

    outcome = sage_kernel("run", "failing.py", "--quiet", "--traceback")

    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert 'raise ValueError("seven is odd")' in outcome.err


def test_a_main_block_does_not_run(sage_kernel: CommandLine) -> None:
    """A file that is also a program would run its job twice."""
    sage_kernel.write(
        "both.py",
        """
        from sage_kernel_api import LocalEnvironment

        def build(env: "LocalEnvironment") -> None:
            env.from_collection(["once"]).sink(print)

        if __name__ == "__main__":
            print("twice")
        """,
    )

    assert sage_kernel("run", "both.py").out == "once\n"


@pytest.mark.parametrize(
    ("imports", "annotation"),
    [
        ("from sage_kernel_api import LocalEnvironment", "LocalEnvironment"),
        ("from sage_kernel_api import LocalEnvironment", "'LocalEnvironment'"),
        ("from sage_kernel_api import BaseEnvironment", "BaseEnvironment"),
        ("import typing, sage_kernel_api", "sage_kernel_api.LocalEnvironment[typing.Any]"),
        ("import typing, sage_kernel_api as s", "'s.LocalEnvironment[typing.Any]'"),
        ("from __future__ import annotations", "LocalEnvironment"),
    ],
)
def test_a_builder_is_found_however_its_parameter_is_annotated(
    sage_kernel: CommandLine, imports: str, annotation: str
) -> None:
    """An import for type checkers alone is good style, and must not hide the pipeline."""
    sage_kernel.write(
        "builder.py",
        f"""
        {imports}

        def helper(number: int) -> int:
            return number

        def build(env: {annotation}) -> None:
            env.from_collection([1]).map(helper).sink(print)
        """,
    )

    assert sage_kernel("run", "builder.py").out == "1\n"


def test_functions_of_the_file_find_its_neighbours(sage_kernel: CommandLine) -> None:
    """`python FILE` finds modules next to FILE, and so must we."""
    sage_kernel.write("neighbour.py", "WORD = 'hello'\n")
    sage_kernel.write(
        "program.py",
        """
        from dataclasses import dataclass
        from sage_kernel_api import LocalEnvironment
        from neighbour import WORD

        @dataclass
        class Word:
            text: str

        def build(env: LocalEnvironment) -> None:
            env.from_collection([WORD]).map(Word).sink(print)
        """,
    )

    assert sage_kernel("run", "program.py").out == "Word(text='hello')\n"


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        (None, "missing.py", "No file 'missing.py'"),
        (None, "missing.py:env", "No file 'missing.py'"),
        (None, ".", "is a directory"),
        ("x = 1", "file.py:not a name", "is not a name"),
        ("x = 1", "file.py:", "is not a name"),
        ("x = (", "file.py", "SyntaxError"),
        ("\n1 / 0", "file.py", "ZeroDivisionError: division by zero (file.py:2)"),
        ("raise SystemExit(3)", "file.py", "exit code 3"),
        ("x = 1", "file.py", "nothing to run"),
        ("x = 1", "file.py:y", "has no 'y'"),
        ("x = 1", "file.py:x", "'x' in file.py is a int"),
        ("x = 1", "file.txt", "not a Python file"),
        ("class Env: ...", "file.py:Env", "is the class Env"),
        ("def build(env): 1 / 0", "file.py:build", "build() in file.py raised ZeroDivisionError"),
        ("def build(a, b): ...", "file.py:build", "is a function"),
        (
            "from sage_kernel_api import LocalEnvironment as E\na = E('a')\nb = E('b')",
            "file.py",
            "Choose one of: file.py:a, file.py:b",
        ),
    ],
)
def test_nonsense_gives_a_clear_error_and_exit_code_2(
    sage_kernel: CommandLine, source: str | None, target: str, said: str
) -> None:
    """A traceback of our own code tells a user nothing."""
    if source is not None:
        sage_kernel.write(target.partition(":")[0], source)

    outcome = sage_kernel("run", target)

    assert outcome.code == 2, outcome.err
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_an_invalid_pipeline_ends_with_exit_code_4(sage_kernel: CommandLine) -> None:
    """Scripts tell a wrong program from a failed job by the code."""
    sage_kernel.write(
        "wrong.py",
        """
        from sage_kernel_api import LocalEnvironment

        env = LocalEnvironment("wrong")
        env.from_collection([1]).map(str, parallelism=0).sink(print)
        """,
    )

    outcome = sage_kernel("run", "wrong.py")

    assert outcome.code == 4
    assert "parallelism" in outcome.err
