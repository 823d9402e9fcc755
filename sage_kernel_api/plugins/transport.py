"""Register one plugin with a pluggy manager of its own, and word what is wrong with it.

Layer: plugins. pluggy carries calls; with one plugin per manager it has nothing to decide.
"""

from __future__ import annotations

import pluggy

from sage_kernel_api.errors import KernelContractError
from sage_kernel_api.plugins.hooks import PROJECT
from sage_kernel_api.plugins.names import did_you_mean

__all__ = ["plug_in"]


def plug_in(plugin: object, hooks: type, *, what: str) -> pluggy.PluginManager:
    """Return a manager that knows *hooks*, and *plugin* as their only implementer.

    Args:
        plugin: A module or object with functions marked by ``hookimpl``.
        hooks: The class that declares the hooks.
        what: The plugin's name for messages.

    Raises:
        KernelContractError: It implements a hook that does not exist, takes a parameter that
            the hook lacks, or implements none at all.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hooks)
    try:
        manager.register(plugin)
    except pluggy.PluginValidationError as error:
        raise KernelContractError(f"{what} has a wrong hook: {_first_lines(error)}") from error
    known = [name for name in vars(hooks) if name.startswith("sage_")]
    callers = manager.get_hookcallers(plugin) or []
    strange = sorted(caller.name for caller in callers if caller.name not in known)
    if strange:
        raise KernelContractError(
            f"{what} implements hooks that do not exist: {', '.join(strange)}."
            f"{did_you_mean(strange[0], known)}"
        )
    if not callers:
        raise KernelContractError(
            f"{what} implements no hook. Mark a function with @hookimpl; known are "
            f"{', '.join(known)}."
        )
    return manager


def _first_lines(error: Exception) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
