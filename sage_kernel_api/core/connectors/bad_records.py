"""What becomes of a part of a file that is no record.

Layer: core.
"""

from __future__ import annotations

from dataclasses import dataclass

from sage_kernel_api.errors import BadRecordError
from sage_kernel_api.values import Payload

__all__ = ["BadRecord", "refuse_bad_record"]

_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A part of a file that cannot be read as a record. Travels inside of dead letters.

    Attributes:
        path: Of the file.
        line: Where the part begins, from 1.
        text: The part, as far as it is text.
        problem: What is wrong with it.
    """

    path: str
    line: int
    text: str
    problem: str

    def error(self) -> BadRecordError:
        """Return the error that names file, line, cause and text."""
        text = self.text
        if len(text) > _SHOWN_CHARACTERS:
            text = f"{text[:_SHOWN_CHARACTERS]}..."
        return BadRecordError(f"{self.path}, line {self.line}: {self.problem}. It reads: {text!r}")


def refuse_bad_record(record: Payload) -> Payload:
    """Return *record*; the check behind a source whose bad records the user wants to live with.

    Raises:
        BadRecordError: It is a `BadRecord`. The policy of the step decides.
    """
    if type(record) is BadRecord:
        raise record.error()
    return record
