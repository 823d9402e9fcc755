"""For authors of kernels: is my kernel right?

``sage-kernel verify NAME`` answers without a line of code. Under pytest, inherit from
`KernelContract`. From a program, call `verify_kernel`. None of them needs pytest; the state
machines need hypothesis: ``pip install "sage-kernel[testing]"``.

Layer: testing, on top beside the command line. Kernels never import it; their tests do.
"""

from sage_kernel_api.testing.backdoors import BackDoors, Door, HasManualTime
from sage_kernel_api.testing.contract_test import ContractTest, promise
from sage_kernel_api.testing.kernel_contract import KernelContract
from sage_kernel_api.testing.kernel_source import KernelSource
from sage_kernel_api.testing.profiles import KIT_VERSION, Profile
from sage_kernel_api.testing.programs import program_for, replay
from sage_kernel_api.testing.report import Report, Result
from sage_kernel_api.testing.trial import Outcome, Verdict
from sage_kernel_api.testing.verifying import verify_kernel
from sage_kernel_api.testing.workbench import Workbench

__all__ = [
    "KIT_VERSION",
    "BackDoors",
    "ContractTest",
    "Door",
    "HasManualTime",
    "KernelContract",
    "KernelSource",
    "Outcome",
    "Profile",
    "Report",
    "Result",
    "Verdict",
    "Workbench",
    "program_for",
    "promise",
    "replay",
    "verify_kernel",
]
