"""The model organism: tiny vision-language models of true architecture, and the small drawn world they live in.

What a user meets is here: which organisms there are, their cards, and the world in words and images. What trains and
certifies them is `tools/organism` in the repository. `docs/organism.md` is the tour; `rules.py`, `world.py` and
`language.py` hold the world itself.
"""

from __future__ import annotations

from pathlib import Path

from foresee.errors import UserError, unknown_name

_WEIGHTS = Path(__file__).parent / "weights"
PREPARED = "smol"
"""The organism that is made on the user's machine; see `foresee.organism.smol`."""


def names() -> list[str]:
    """List the organisms that ship with this installation."""
    return sorted(path.parent.name for path in _WEIGHTS.glob("*/model.safetensors"))


def folder(name: str) -> Path:
    """Find the Hugging Face folder of an organism.

    Raises:
        UserError: no organism of that name ships, or one that is first to be prepared.
    """
    if name == PREPARED:
        from foresee.organism import smol

        if not (smol.folder() / "config.json").is_file():
            raise UserError(
                "organism/smol is put together from published weights first (93 MB, a few minutes): "
                "foresee organism prepare smol"
            )
        return smol.folder()
    if name not in names():
        raise unknown_name("organism", name, [*names(), PREPARED])
    return _WEIGHTS / name
