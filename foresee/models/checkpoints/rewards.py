"""Tell which judges rewarded a checkpoint: a training writes them into its manifest, a merge carries them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.errors import UserError

KEY = "rewarded_by"


def rewards(*folders: Path | None) -> list[dict[str, Any]]:
    """Read what the manifests of checkpoints say of their rewards; nothing where there is none.

    Args:
        folders: of a base, of its adapter; None for no adapter.

    Returns:
        A judge's identity (judge, version, judge models) each, with "rubrics": name, version and hash of each rubric.
    """
    found: list[dict[str, Any]] = []
    for folder in folders:
        if folder is None or not (folder / manifest.FILE).is_file():
            continue
        try:
            told = manifest.read(folder).get(KEY)
        except UserError:  # whatever else lies there under that name
            continue
        found += (
            [each for each in told if isinstance(each, dict) and each not in found] if isinstance(told, list) else []
        )
    return found
