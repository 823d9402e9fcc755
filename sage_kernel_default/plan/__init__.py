"""From the description of a job to tasks: pure stages that know no thread, clock or file."""

from sage_kernel_default.plan.grouping import Group, Grouping, group_steps
from sage_kernel_default.plan.logical import Edge, ErrorPolicy, LogicalPlan, Step

__all__ = ["Edge", "ErrorPolicy", "Group", "Grouping", "LogicalPlan", "Step", "group_steps"]
