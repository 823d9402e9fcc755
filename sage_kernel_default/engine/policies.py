"""What a failing record does under a step's error policy: skip, dead letter, retry.

Layer: engine. Reached after a failure only; time passes through the injected `pause`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.values import DEAD_LETTER_OUTPUT, DeadLetter, Payload
from sage_kernel_default.engine.operators import Attempt, Operator, Rescue
from sage_kernel_default.engine.tally import EdgeCounters

__all__ = ["give_up", "make_rescue"]


def make_rescue(
    operator: Operator, attempt: Attempt, ledger: EdgeCounters, pause: Callable[[float], None]
) -> Rescue:
    """Return what runs after a failed first try of *attempt*.

    Args:
        operator: The step; its policy is not ``fail``.
        attempt: One try, all or nothing.
        ledger: The edge that the record came in by.
        pause: Waits some seconds; raises if the job ends meanwhile.
    """
    policy = operator.step.policy
    final = policy.after_retries if policy.on_error == "retry" else policy.on_error

    def rescue(error: Exception, value: Payload, key: Payload) -> tuple[bool, Any]:
        tries, delay_s = 1, policy.retry_delay_s
        while tries <= policy.retries:
            operator.counters.retries += 1
            tries += 1
            if delay_s:
                pause(delay_s)
            delay_s *= 2
            try:
                return True, attempt(value, key)
            except Exception as again:  # noqa: BLE001 - the policy decides, below or by raising
                error = again
        if final == "fail":
            raise error
        operator.context.key = key
        give_up(operator, ledger, value, error, tries, is_dead_letter=final == "dead_letter")
        return False, None

    return rescue


def give_up(
    operator: Operator,
    ledger: EdgeCounters,
    value: Payload,
    error: Exception,
    tries: int,
    *,
    is_dead_letter: bool,
) -> None:
    """Settle a record that has failed for good, and count it where it came from.

    Args:
        operator: The step; its context has the record's key.
        ledger: The edge that the record came in by.
        value: The record.
        error: Its last failure.
        tries: How often the step was called with it.
        is_dead_letter: Whether it goes to the step's dead letters; else it is skipped.
    """
    step = operator.step.id
    if is_dead_letter:
        operator.counters.dead_lettered += 1
        ledger.dead_lettered += 1
        letter = DeadLetter(value, step, error, tries)
        if operator.context.send_data(letter, DEAD_LETTER_OUTPUT):
            return
        operator.context.logger.warning(
            "step %s: dead letter with no reader (%s: %s)", step, type(error).__name__, error
        )
        return
    operator.counters.skipped += 1
    ledger.dropped += 1
    operator.context.logger.debug(
        "step %s: skipped a record (%s: %s)", step, type(error).__name__, error
    )
