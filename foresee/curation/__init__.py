"""Build data sets: one runner for all recipes of `foresee/curation/recipes`.

    built = make("threat_vqa", {"source": "world", "images": 700}, Path("datasets/vsfa"))

Every call of a model is journalled and every row is on disk as soon as it is made; a run that was killed goes on to
exactly the rows that it would have had. What is dropped is counted by its reason.
"""

from __future__ import annotations

from foresee.curation.build import Built, Order, Progress, make
from foresee.curation.drafts import (
    SIZES,
    WORLD,
    CurationConfig,
    Draft,
    Dropped,
    InputPath,
    Job,
    ModelName,
    Piece,
    Tally,
    configured,
    require,
    require_none,
    row_id,
    said,
    turns,
)
from foresee.curation.inputs import SourcedConfig, SourceItem, read_items, source_items
from foresee.curation.model_calls import WRITING, Desk, Failed, Shape

__all__ = [
    "SIZES",
    "WORLD",
    "WRITING",
    "Built",
    "CurationConfig",
    "Desk",
    "Draft",
    "Dropped",
    "Failed",
    "InputPath",
    "Job",
    "ModelName",
    "Order",
    "Piece",
    "Progress",
    "Shape",
    "SourceItem",
    "SourcedConfig",
    "Tally",
    "configured",
    "make",
    "read_items",
    "require",
    "require_none",
    "row_id",
    "said",
    "source_items",
    "turns",
]
