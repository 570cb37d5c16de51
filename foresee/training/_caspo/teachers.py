"""Teachers of CASPO: the model as it is, as it was, its running mean, or another one.

A teacher is used inside `with teacher.model(trainer) as model`, where `model` scores as the teacher does. Weights that
differ from the student's are swapped in for the time of the scoring (two pointers a parameter, nothing is copied), so
that an adapter's teacher costs no more memory than the adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback
from trl.trainer.utils import add_fused_lm_head, use_adapter

from foresee.errors import UserError
from foresee.models import API_PROVIDERS
from foresee.models.checkpoints import LoadOptions, check_base, load
from foresee.models.checkpoints.find import read_json, resolve_adapter
from foresee.models.checkpoints.integrity import check_adapter
from foresee.training._caspo.served import Served
from foresee.training._common.policy import Policy, folder_or_id

_FILE = "teacher.safetensors"


class Teacher(Protocol):
    """Scores tokens with the constitution in view."""

    def model(self, trainer: Any) -> AbstractContextManager[Any]: ...


class Moving:
    """The student itself, as it stands."""

    def model(self, trainer: Any) -> AbstractContextManager[Any]:
        return nullcontext(trainer.model)


class BelowAdapter:
    """The model without the adapter that is being trained."""

    @contextmanager
    def model(self, trainer: Any) -> Iterator[Any]:
        with use_adapter(trainer.accelerator.unwrap_model(trainer.model), None):
            yield trainer.model


class Shadow(TrainerCallback):  # type: ignore[misc]
    """Other values for the weights that move; with a rate they follow: teacher += rate (student - teacher)."""

    def __init__(self, values: dict[str, torch.Tensor], rate: float = 0.0) -> None:
        self._values, self._rate = values, rate
        self.folder: Path | None = None

    @contextmanager
    def model(self, trainer: Any) -> Iterator[Any]:
        self._swap(trainer)
        try:
            yield trainer.model
        finally:
            self._swap(trainer)

    def _swap(self, trainer: Any) -> None:
        for name, parameter in trained_parameters(trainer.accelerator.unwrap_model(trainer.model)):
            value = self._values[name].to(parameter.device)
            self._values[name], parameter.data = parameter.data, value

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}" / _FILE
        if self._rate and path.is_file():
            self._values = load_file(path)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if not self._rate:
            return
        for name, parameter in trained_parameters(model):
            value = self._values[name] = self._values[name].to(parameter.device)
            value.lerp_(parameter.data.to(value.dtype), self._rate)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._rate and state.is_world_process_zero:
            whole = {name: value.detach().cpu().contiguous() for name, value in self._values.items()}
            save_file(whole, Path(args.output_dir) / f"checkpoint-{state.global_step}" / _FILE)


class Other:
    """Another model, kept beside the student; it is never trained."""

    def __init__(self, model: Any, temperature: float) -> None:
        self._model = model.requires_grad_(False).eval()
        bare = model.get_base_model() if hasattr(model, "peft_config") else model
        add_fused_lm_head(bare, temperature=temperature)

    def model(self, trainer: Any) -> AbstractContextManager[Any]:
        self._model.to(trainer.accelerator.device)
        return nullcontext(self._model)


def is_served(name: str) -> bool:
    """Whether a teacher's name says that a server scores: `PROVIDER/NAME`, and no such folder here."""
    return name.partition("/")[0] in API_PROVIDERS and "/" in name and not Path(name).exists()


def open_teacher(
    name: str, policy: Policy, trainer: Any, rate: float, options: Mapping[str, Any] | None = None
) -> Teacher | Served:
    """Open the teacher of a student that is about to be trained.

    Args:
        name: moving, frozen, ema, the folder or hub id of a model or of an adapter of the student's base, or
            `PROVIDER/NAME` of a server.
        policy: where the student came from.
        trainer: holds the student, with its adapter on.
        rate: of the running mean.
        options: of the server's provider.

    Raises:
        UserError: no such model or adapter, or a teacher that can't be had with sharded weights.
    """
    student = trainer.accelerator.unwrap_model(trainer.model)
    fresh = policy.peft is not None
    if is_served(name):
        if trainer.temperature != 1:
            raise UserError(f"teacher {name}: a server's log-probabilities are at temperature 1: --set temperature=1")
        return Served(name, options or {}, policy.tokenizer)
    if name == "moving":
        return Moving()
    if name == "frozen" and fresh:
        return BelowAdapter()
    if name in ("frozen", "ema"):
        if trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
            raise UserError(
                f"teacher={name} holds a copy of the trained weights, which can't be done while they are sharded: "
                "use teacher=frozen with a new adapter, teacher=moving, or the folder of a teacher"
            )
        return Shadow({n: p.detach().clone() for n, p in trained_parameters(student)}, rate if name == "ema" else 0.0)
    if (Path(name).expanduser() / "adapter_config.json").is_file():
        return _from_adapter(Path(name).expanduser(), policy, trainer)
    vlm = load(folder_or_id(name), options=_as_student(policy))
    _check_same_vocabulary(vlm.tokenizer, policy.tokenizer, name)
    return Other(vlm.model, trainer.temperature)


def trained_parameters(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that are trained, by name."""
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)


def _from_adapter(folder: Path, policy: Policy, trainer: Any) -> Teacher:
    """Swap in an adapter of the same shape as the student's; load a model of its own for any other."""
    check_adapter(resolve_adapter(folder))
    check_base(folder, policy.folder)
    student = trainer.accelerator.unwrap_model(trainer.model)
    config = read_json(folder / "adapter_config.json")
    stored = {
        key.replace(".weight", ".default.weight"): value
        for key, value in load_file(folder / "adapter_model.safetensors").items()
    }
    shapes = {name: p.shape for name, p in trained_parameters(student)}
    own = getattr(student, "peft_config", {}).get("default")
    same_scale = own is not None and (own.r, own.lora_alpha) == (config.get("r"), config.get("lora_alpha"))
    if same_scale and {name: value.shape for name, value in stored.items()} == shapes:
        like = dict(trained_parameters(student))
        return Shadow({name: value.to(like[name].dtype) for name, value in stored.items()})
    return Other(load(policy.folder, folder, options=_as_student(policy)).model, trainer.temperature)


def _as_student(policy: Policy) -> LoadOptions:
    """Load in the student's type; the trainer's device comes when it is used."""
    return LoadOptions(device="cpu", dtype="bfloat16" if policy.bf16 else "float32")


def _check_same_vocabulary(teacher: Any, student: Any, name: str) -> None:
    if teacher.get_vocab() != student.get_vocab():
        raise UserError(f"teacher {name} has another vocabulary than the student: its tokens can't be compared")
