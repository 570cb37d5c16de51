"""Training: one file a method, made of TRL, PEFT and accelerate. This file only opens them by name.

A method's file has `class Config(TrainingConfig)`, `COLUMNS` (what its rows need besides the prompt) and
`trainer(config, parts)`, which returns a transformers Trainer; see `docs/add_a_training_method.md`.

    from foresee.plugins import contracts
    from foresee import training
    config = training.configure("sft", "papers/vsfa/vsfa.toml", ["model=organism/base", "data=D", "out=runs/x"])
    training.train("sft", config)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foresee.config import build, laid_over, pairs, read_toml, renamed, renamed_pairs
from foresee.errors import UserError
from foresee.plugins import contracts
from foresee.plugins.contracts import TrainingMethod
from foresee.training._common.config import SupervisedConfig, TrainingConfig
from foresee.training._common.names import known

if TYPE_CHECKING:
    from foresee.training._common.metrics import Progress

__all__ = ["SupervisedConfig", "TrainingConfig", "configure", "evaluated_as", "method", "train"]


def method(name: str) -> TrainingMethod:
    """Load a method's file. Raises UserError: none of that name, or it lacks what a method has."""
    file = contracts.training_method(name)
    if not (isinstance(file.config, type) and issubclass(file.config, TrainingConfig)):
        raise UserError(f"training method {name}: expected class Config(TrainingConfig), got {file.config!r}")
    return file


def configure(
    name: str,
    recipe: str | Path | None = None,
    given: Iterable[str] = (),
    settings: Mapping[str, object] | None = None,
) -> TrainingConfig:
    """Build a method's settings: its defaults, a recipe over them, `key=value` over both; TRL's names are known.

    Raises:
        UserError: no such method or recipe, or a setting that does not exist or fit.
    """
    cls = method(name).config
    names = known(cls)
    base = renamed(read_toml(Path(recipe)), names, cls) if recipe is not None else {}
    plain = {key: str(value) if isinstance(value, Path) else value for key, value in (settings or {}).items()}
    base = laid_over(base, renamed(plain, names, cls))
    values = pairs(renamed_pairs(given, names, cls), what="--set", base=base)
    absent = [key for key, field in cls.model_fields.items() if field.is_required() and key not in values]
    if absent:
        raise UserError(f"train {name} needs {', '.join(absent)}: " + " ".join(f"--set {key}=…" for key in absent))
    config: TrainingConfig = build(cls, values, what=f"train {name}")
    return config


def evaluated_as(config: TrainingConfig, folder: Path) -> str:
    """Name what a training made as `--model` takes it: the folder itself, or the base with the folder's adapter."""
    if config.tune == "full":
        return f"local/{folder}"
    base = config.model if config.model.startswith(("local/", "organism/")) else f"local/{config.model}"
    return f"{base}:{folder}"


def train(
    name: str,
    config: TrainingConfig | str | Path | None = None,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    command: Sequence[str] = (),
    **settings: object,
) -> Path:
    """Train with a method; the same call continues an interrupted training.

    Args:
        name: of the method.
        config: of the method's own `Config` (see `configure`), or a recipe, a TOML file.
        report: called with each line of metrics, and with what is done before there are any.
        command: the command line, for the record.
        settings: of the method, over those of the recipe: `model="organism/base", data="datasets/x", out="runs/x"`.

    Returns:
        The folder `config.out`: weights or adapter, `metrics.jsonl`, `manifest.json`, README.md.

    Raises:
        UserError: anything the user can fix; whatever was trained is in the folder.
    """
    from foresee.training._common import run

    if not isinstance(config, TrainingConfig):
        config = configure(name, config, settings=settings)
    elif settings:
        raise UserError(f"{', '.join(settings)}: a finished configuration takes no further settings")
    return run.run(run.prepare(name, method(name), config, report), command)
