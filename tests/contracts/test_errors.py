"""The one tree of errors."""

from __future__ import annotations

import builtins
import copy
import pickle

import pytest

from sage_kernel_api import errors
from sage_kernel_api.errors import KernelError, StepError

CLASSES = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("cls", CLASSES)
def test_each_error_is_in_the_tree_and_a_familiar_builtin(cls: type[KernelError]) -> None:
    """Code that never heard of kernels still catches what it expects."""
    assert issubclass(cls, KernelError)
    if cls is not KernelError:
        familiar = [
            base
            for base in cls.__mro__
            if base.__module__ == builtins.__name__
            and base not in (Exception, BaseException, object)
        ]
        assert familiar, f"{cls.__name__} is no builtin besides Exception"


def test_every_error_of_the_module_is_public() -> None:
    """An error that is missing from the list is missing from the documentation."""
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, KernelError)
    }

    assert found == set(errors.__all__)


@pytest.mark.parametrize("cls", CLASSES)
def test_each_error_survives_pickling_with_all_that_it_knows(cls: type[KernelError]) -> None:
    """Errors travel between processes; one that cannot hangs or hides the cause."""
    error = cls.listing("Two things:", ["one", "two"])
    error.add_note("seen in lane 3")
    error.__dict__["job_id"] = "j1"

    for travelled in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(travelled) is cls
        assert str(travelled) == "Two things:\n  - one\n  - two"
        assert travelled.problems == ("one", "two")
        assert travelled.__notes__ == ["seen in lane 3"]
        assert vars(travelled)["job_id"] == "j1"


def test_a_step_error_keeps_step_record_and_place() -> None:
    """Tools show these apart from the message."""
    error = StepError("Step 'a' failed")
    error.step, error.record, error.where = "a", "1", "f.py:3"

    travelled = pickle.loads(pickle.dumps(error))

    assert (travelled.step, travelled.record, travelled.where) == ("a", "1", "f.py:3")
