"""Self-checks of the tasks: they never raise; they say what is right, or what to try next.

`besci.checks.day_N` holds a check for each task of the day.
"""

from besci.checks.task import NotYet, near, number, open_task, task

__all__ = ["NotYet", "near", "number", "open_task", "task"]
