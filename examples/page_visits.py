"""Visits of a web site, from clicks that arrive out of order: event time, sessions, late records.

A visit is what a user does without a pause of half a minute. Clicks of phones arrive up to ten
seconds late; what is later still goes to a list of its own. Run it with

    python examples/page_visits.py --kernel default
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sage_kernel_api import (
    LocalEnvironment,
    OutputTag,
    SessionWindows,
    SourceFunction,
    StopSignal,
    TimeWindow,
)


@dataclass(frozen=True, slots=True)
class Click:
    """One page that a user looked at."""

    user: str
    page: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """All clicks of a user without a long pause."""

    user: str
    begin: datetime
    pages: tuple[str, ...]


TOO_LATE = OutputTag[Click]("too late")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def click(user: str, page: str, second: int) -> Click:
    """Return a click at so many seconds after noon."""
    return Click(user, page, NOON + timedelta(seconds=second))


# In the order of their arrival.
CLICKS = [
    click("ann", "/", 0),
    click("bob", "/", 3),
    click("ann", "/offers", 12),
    click("ann", "/search", 7),
    click("bob", "/help", 20),
    click("ann", "/", 75),
    click("bob", "/", 72),
    click("ann", "/basket", 30),
    click("ann", "/offers", 81),
]


class Arrivals(SourceFunction[Click]):
    """The clicks, one after the other."""

    def __init__(self) -> None:
        self._arrived = 0

    def execute(self) -> Click | StopSignal:
        """Return the next click."""
        if self._arrived == len(CLICKS):
            return StopSignal("no more clicks")
        self._arrived += 1
        return CLICKS[self._arrived - 1]


def gather(user: str, window: TimeWindow, clicks: Sequence[Click]) -> list[Visit]:
    """Make a visit of a session's clicks."""
    in_order = sorted(clicks, key=lambda click: click.at)
    return [Visit(user, window.start, tuple(click.page for click in in_order))]


def main() -> None:
    """Run the pipeline on the chosen kernel and print the visits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", default="default", help="kernel to run on")
    arguments = parser.parse_args()
    late: list[Click] = []

    with LocalEnvironment("page visits", kernel=arguments.kernel) as env:
        # The pause between two clicks lets event time pass on before the next one comes.
        clicks = env.from_source(Arrivals, delay=0.001).assign_timestamps(
            lambda click: click.at, max_out_of_orderness_s=10
        )
        users = clicks.keyby(lambda click: click.user)
        sessions = users.window(SessionWindows(gap_s=30), late_output=TOO_LATE)
        visits = sessions.process(gather)
        visits.get_side_output(TOO_LATE).sink(late.append)
        found = visits.execute_and_collect()

    for visit in sorted(found, key=lambda visit: (visit.begin, visit.user)):
        print(f"{visit.begin:%H:%M:%S}  {visit.user}  {' '.join(visit.pages)}")
    for too_late in late:
        print(f"{too_late.at:%H:%M:%S}  {too_late.user}  {too_late.page} came too late")


if __name__ == "__main__":
    main()
