"""Write the manifest of a build: recipe, configuration, inputs, and how far it got."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from foresee import manifest, plugins
from foresee.curation import card, model_calls
from foresee.curation.cost import PAINTER
from foresee.curation.drafts import CurationConfig, fields_marked
from foresee.curation.image_models import FOLDER
from foresee.dataset_format import ROWS, check_parquet, file_hash, write_manifest, write_parquet
from foresee.errors import UserError
from foresee.manifest import digest
from foresee.plugins.contracts import Recipe
from foresee.records import Model

WORK = "work"
"""Sub-folder with the journal and painted images: what a run needs to go on, and nobody else."""


class BuildSpec(NamedTuple):
    """One build: the recipe's name and file, its configuration, and the command that asked for it."""

    recipe: str
    file: Recipe
    config: CurationConfig
    command: Sequence[str]

    def sameness(self, models: Mapping[str, Model]) -> dict[str, Any]:
        """Describe what makes two builds the same: not where servers are, and not how many rows are wanted."""
        chosen = self.config.model_dump(mode="json", exclude={"options", *fields_marked(type(self.config), "model")})
        return {
            "recipe": self.recipe,
            "version": self.file.version,
            **chosen,
            "models": model_calls.identities(models),
        }

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "recipe": self.recipe,
            "recipe_version": self.file.version,
            "title": plugins.summary("curation", self.recipe).line,
            "configuration": self.config.model_dump(mode="json"),
            "seed": self.config.seed,
            "inputs": _inputs(self.config),
            "command": list(self.command),
        }


def check_output(out: Path, *, parquet: bool) -> None:
    """Check what `finish` needs before anything is asked.

    Raises:
        UserError: the folder holds something that this would spoil, or the package for Parquet files is missing.
    """
    if parquet:
        check_parquet()
    journal = out / WORK / "calls.jsonl"
    if journal.is_file() or not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out: expected a folder, {out} is a file")
    if (out / ROWS).exists() or (out / manifest.FILE).exists():
        raise UserError(f"{out} holds a data set that another command made; choose another folder (--out)")


def reviewed(out: Path) -> frozenset[str]:
    """Ids of the rows that a person has dropped."""
    with contextlib.suppress(UserError):
        return frozenset(manifest.read(out, "data set").get("review", {}).get("dropped", ()))
    return frozenset()


def _kept(out: Path) -> dict[str, Any]:
    """Read what a further run must keep of the manifest."""
    with contextlib.suppress(UserError):
        found = manifest.read(out, "data set")
        return {key: found[key] for key in ("review",) if key in found}
    return {}


def begin(out: Path, spec: BuildSpec) -> None:
    """Write a manifest at once, so that a folder left by a kill says what it is."""
    manifest.write(out, "data set", {**spec.facts(), **_kept(out), "finished": False})


def finish(out: Path, spec: BuildSpec, content: Mapping[str, Any], *, parquet: bool) -> None:
    """Write the recipe's exports, Parquet if it is wanted, the manifest and the card."""
    export = spec.file.export
    exported = [str(path.relative_to(out)) for path in export(out)] if export is not None else []
    if parquet and (out / ROWS).stat().st_size:
        write_parquet(out, out / card.PARQUET)
    extra = {"exported": exported} if exported else {}
    write_manifest(out, {**spec.facts(), **_kept(out), **content, **extra})
    card.write(out)


def _inputs(config: CurationConfig) -> list[dict[str, Any]]:
    """List the user's files and folders that a configuration names, with their hashes."""
    named: dict[str, str] = {name: getattr(config, name) for name in fields_marked(type(config), "input")}
    painter: str = getattr(config, PAINTER, "")
    if painter.startswith(FOLDER):
        named[PAINTER] = painter.removeprefix(FOLDER)
    found: list[dict[str, Any]] = []
    for name, value in named.items():
        path = Path(value).expanduser()
        if not value or not path.exists():
            continue
        if path.is_file():
            found.append({"field": name, "path": str(path), "sha256": file_hash(path)})
        else:
            listing = sorted((str(p.relative_to(path)), p.stat().st_size) for p in path.rglob("*") if p.is_file())
            found.append({"field": name, "path": str(path), "files": len(listing), "listing_sha256": digest(listing)})
    return found
