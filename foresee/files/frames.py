"""Make data frames where pandas is installed (extra `[frame]`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from foresee.errors import missing_extra

if TYPE_CHECKING:
    import pandas


def frame(records: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Tabulate records, one a line; columns come in the order in which they are first met.

    Raises:
        UserError: pandas is missing.
    """
    try:
        import pandas as pd
    except ImportError:
        raise missing_extra("a data frame", "frame") from None
    return pd.DataFrame.from_records(list(records))
