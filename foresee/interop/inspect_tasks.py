"""Write the benchmarks out as a file of Inspect tasks: `inspect list tasks` reads files and imports nothing."""

from __future__ import annotations

from collections.abc import Iterable

_HEAD = '''"""foresee's benchmarks as Inspect tasks, as `foresee list benchmarks --inspect FILE` writes them."""

from inspect_ai import Task, task

from foresee.interop.inspect import benchmark
'''
_TASK = """

@task
def {name}(data=None, limit_items=None, limit_seed=0, intervals="headline", **options) -> Task:
    return benchmark("{name}", data, limit_items, limit_seed, intervals, options)
"""


def text(names: Iterable[str]) -> str:
    """Write the file; each task takes what `foresee/NAME` takes."""
    return _HEAD + "".join(_TASK.format(name=name) for name in names)
