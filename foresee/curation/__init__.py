"""Build data sets: one runner for all recipes of `foresee/curation/recipes`.

    built = make("threat_vqa", {"source": "world", "images": 700}, Path("datasets/vsfa"))

Every call of a model is journalled and every row is on disk as soon as it is made; a run that was killed goes on to
exactly the rows that it would have had. What is dropped is counted by its reason.
"""

from __future__ import annotations

import warnings
from typing import Any

from foresee.curation.build import BuildOptions, Built, Progress, curate, make
from foresee.curation.drafts import (
    SIZES,
    WORLD,
    CurationConfig,
    Draft,
    Dropped,
    InputPath,
    Job,
    ModelName,
    Tally,
    WorkItem,
    configured,
    require,
    require_none,
    row_id,
    said,
    turns,
)
from foresee.curation.inputs import SourcedConfig, SourceItem, read_items, source_items
from foresee.curation.model_calls import WRITING, Failed, ModelCalls, Shape

__all__ = [
    "SIZES",
    "WORLD",
    "WRITING",
    "BuildOptions",
    "Built",
    "CurationConfig",
    "Draft",
    "Dropped",
    "Failed",
    "InputPath",
    "Job",
    "ModelCalls",
    "ModelName",
    "Progress",
    "Shape",
    "SourceItem",
    "SourcedConfig",
    "Tally",
    "WorkItem",
    "configured",
    "curate",
    "make",
    "read_items",
    "require",
    "require_none",
    "row_id",
    "said",
    "source_items",
    "turns",
]

_FORMER = {"Desk": "ModelCalls", "Order": "BuildOptions", "Piece": "WorkItem"}  # for this version alone


def __getattr__(name: str) -> Any:
    """Accept a former name, with a hint."""
    if name not in _FORMER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{__name__}.{name} is now {_FORMER[name]}", DeprecationWarning, stacklevel=2)
    return globals()[_FORMER[name]]
