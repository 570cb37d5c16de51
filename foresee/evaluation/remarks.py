"""Keep what a user says of a run, tags and a note, in a file of its own beside the manifest: it is no part of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from foresee import manifest
from foresee.evaluation.run_folder import JUDGED
from foresee.files.untrusted import parse_json, read_regular

FILE = "remarks.json"
_LONGEST = 2_000  # characters of a note


class Remarks(NamedTuple):
    """What is said of a run: tags to find it by, and a note for people."""

    tags: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def of(cls, tags: str, note: str) -> Remarks:
        """Read what `--tag` and `--note` were given; tags stand with commas between them."""
        return cls(tuple(dict.fromkeys(tag.strip() for tag in tags.split(",") if tag.strip())), note.strip()[:_LONGEST])


def read(folder: Path) -> Remarks:
    """Read what is said of a run, or of the one whose answers it judges; nothing where no file can be read."""
    place = folder.parents[1] if folder.parent.name == JUDGED and not (folder / FILE).exists() else folder
    try:
        found = parse_json(read_regular(place / FILE))
    except (OSError, ValueError):
        return Remarks()
    tags, note = (found.get("tags"), found.get("note")) if isinstance(found, dict) else (None, None)
    return Remarks(tuple(map(str, tags)) if isinstance(tags, list) else (), note if isinstance(note, str) else "")


def add(folder: Path, said: Remarks) -> None:
    """Add tags to those of a run; a new note takes the old one's place.

    Raises:
        UserError: the file can't be written.
    """
    if not (said.tags or said.note):
        return
    before = read(folder)
    told = {"tags": list(dict.fromkeys((*before.tags, *said.tags))), "note": said.note or before.note}
    manifest.write_atomically(folder / FILE, json.dumps(told, ensure_ascii=False, indent=2) + "\n")
