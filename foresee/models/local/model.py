"""`local/FOLDER_OR_HUB_ID[:ADAPTER]` and `organism/NAME`: models that run in this process, many requests at once.

Any decoder-only image-text model of transformers with an optional PEFT adapter, or a plain language model for
text-only roles. Concurrent requests are answered in batches (`batching`) by one loaded copy of the weights
(`engine`), however many handles are open; answers do not depend on the batch. Options are `-M key=value`.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pydantic

from foresee import organism
from foresee.config import build
from foresee.errors import ModelError, UserError
from foresee.models.checkpoints import LoadOptions, Vlm, checked_folders, load, placement
from foresee.models.checkpoints.find import Kind, fingerprint, kind_of, one_line
from foresee.models.checkpoints.rewards import rewards
from foresee.models.local.batching import Batcher, Limits
from foresee.models.local.engine import Engine
from foresee.models.local.hidden_states import check_fits
from foresee.records import Capability, Json, Reply, Request

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class LocalOptions(LoadOptions):
    """Options of local models (`-M key=value`)."""

    batch_size: Literal["auto"] | pydantic.PositiveInt = "auto"
    """requests answered together, at most; auto: up to 32 on CPU and 64 elsewhere, fewer where memory is short"""

    max_wait_ms: float = pydantic.Field(default=50.0, ge=0)
    """how long a batch that is not full waits for the next request, while more are on their way"""

    preparers: int = pydantic.Field(default=2, ge=1, le=64)
    """threads that decode and process images"""

    image_cache_mb: int = pydantic.Field(default=256, ge=0)
    """memory for processed images, and as much again for encoded ones; 0 keeps none"""

    refill: bool = False
    """whether requests that wait take the places of answers that end early, instead of waiting for the longest"""

    enable_thinking: bool | None = None
    """the switch of chat templates that have it (Qwen3, ...); by default as the template has it"""


def open_local_model(provider: str, name: str, options: Mapping[str, Any]) -> LocalModel:
    """Open `local/NAME` or `organism/NAME`; weights are loaded by the first request.

    Raises:
        UserError: no such model, something about it that can't work here, or an option that does not fit.
    """
    settings = build(LocalOptions, options, what=f"{provider} model")
    base, adapter = split_name(name)
    if provider == "organism":
        base = str(organism.folder(base))
    device, dtype = placement(settings)
    folder, adapter_folder = checked_folders(base, adapter, settings)
    chosen = settings.model_copy(update={"device": device, "dtype": dtype})
    return LocalModel(f"{provider}/{name}", folder, adapter_folder, chosen)


def checkpoint(spec: str, options: Mapping[str, Any]) -> Vlm:
    """Load `local/NAME` or `organism/NAME` itself, for those who need its gradients.

    Raises:
        UserError: as `open_local_model`, or it can't be loaded.
    """
    provider, _, name = spec.partition("/")
    settings = build(LocalOptions, options, what=f"{provider} model")
    base, adapter = split_name(name)
    return load(organism.folder(base) if provider == "organism" else base, adapter, options=settings)


def split_name(name: str) -> tuple[str, str | None]:
    """FOLDER_OR_HUB_ID and ADAPTER. The colon of a Windows drive is none; a folder of the whole name comes first."""
    if Path(name).expanduser().is_dir():
        return name, None
    place = name.find(":", 2 if _DRIVE.match(name) else 0)
    if place < 0:
        return name, None
    if not name[:place] or not name[place + 1 :]:
        raise UserError(f"expected MODEL or MODEL:ADAPTER, got '{name}'")
    return name[:place], name[place + 1 :]


class LocalModel:
    """A handle on a loaded (or not yet loaded) model; any event loop and thread may use it, several at once."""

    def __init__(self, name: str, folder: Path, adapter: Path | None, options: LocalOptions) -> None:
        self._name, self._options = name, options
        self._kind: Kind = kind_of(folder)
        self._identity: dict[str, Json] = {
            "provider": "local",
            "weights": fingerprint(folder),
            **{key: getattr(options, key) for key in ("dtype", "quantisation", "min_pixels", "max_pixels")},
            "enable_thinking": options.enable_thinking,
        }
        if adapter is not None:
            self._identity["adapter"] = fingerprint(adapter)
        self.rewarded_by = rewards(folder, adapter)
        self._key = (folder.resolve(), adapter and adapter.resolve(), options)
        self._shared: _Shared | None = _acquire(self._key)

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> Mapping[str, Json]:
        """Content of the weights and adapter, not where they lie; whatever changes answers, nothing else."""
        return self._identity

    @property
    def capabilities(self) -> frozenset[Capability]:
        able: set[Capability] = {"logits", "hidden_states", "first_token", "logprobs", "repetition_penalty"}
        return frozenset(able | {"images"} if self._kind == "image_text" else able)

    base_url: str | None = None

    @property
    def suggested_concurrency(self) -> int:
        """How many requests in flight keep it busy: one batch is answered while the next is prepared."""
        return 2 * _batch_size(self._options)

    async def generate(self, request: Request) -> Reply:
        """Answer a request. `seconds` is its share of its batch.

        Raises:
            ModelError: this request can't be answered.
            UserError: the model can't be loaded, or `request.hidden` was fitted to another one.
        """
        shared = self._shared
        if request.hidden is not None:
            check_fits(request.hidden, self._identity, self._name)
        if shared is None:
            raise ModelError(f"{self._name} is closed", fatal=True)
        try:
            reply = await asyncio.wrap_future(shared.batcher.submit(request))
        except ModelError as problem:
            raise ModelError(f"{self._name}: {problem}", fatal=problem.fatal) from None
        except UserError:
            raise
        except Exception as problem:  # whatever a model or a strategy raises
            lost = "CUDA error" in str(problem)  # after which the device answers nothing any more
            raise ModelError(f"{self._name}: {type(problem).__name__}: {one_line(problem)}", fatal=lost) from problem
        return reply

    async def close(self) -> None:
        """Give the memory back, once the last handle on the same model is closed."""
        shared, self._shared = self._shared, None
        if shared is not None:
            await asyncio.to_thread(_release, self._key)


class _Shared(NamedTuple):
    engine: Engine
    batcher: Batcher[Reply]


_Key = tuple[Path, Path | None, LocalOptions]
_LOADED: dict[_Key, tuple[_Shared, int]] = {}  # with the number of handles
_LOCK = threading.Lock()


def _acquire(key: _Key) -> _Shared:
    with _LOCK:
        atexit.unregister(_close_all)
        atexit.register(_close_all)  # a thread that is still computing when Python ends would abort the process
        shared, handles = _LOADED.get(key, (None, 0))
        if shared is None:
            shared = _start(*key)
        _LOADED[key] = shared, handles + 1
        return shared


def _release(key: _Key) -> None:
    with _LOCK:
        shared, handles = _LOADED[key]
        if handles > 1:
            _LOADED[key] = shared, handles - 1
            return
        del _LOADED[key]
    _stop(shared)


def _stop(shared: _Shared) -> None:
    shared.engine.abort()
    shared.batcher.close()
    shared.engine.unload()


def _close_all() -> None:
    for shared, _ in _LOADED.values():
        _stop(shared)


def _start(folder: Path, adapter: Path | None, options: LocalOptions) -> _Shared:
    engine = Engine(
        folder,
        adapter,
        options,
        cache_bytes=options.image_cache_mb << 20,
        enable_thinking=options.enable_thinking,
        places=_batch_size(options) if options.refill else 0,
    )
    limits = Limits(_batch_size(options), options.max_wait_ms / 1000, None, options.preparers)
    batcher: Batcher[Reply] = Batcher(engine.prepare_all, engine.answers, limits)
    if options.batch_size == "auto":
        engine.on_load = lambda vlm: batcher.set_budget(token_budget(vlm))
    return _Shared(engine, batcher)


def _batch_size(options: LocalOptions) -> int:
    if options.batch_size != "auto":
        return options.batch_size
    return 32 if options.device == "cpu" else 64


def token_budget(vlm: Vlm) -> int | None:
    """How many tokens of padded batch fit into half of the free memory; None where that can't be told.

    A token costs its keys and values in every layer, and while the prompt is read some two dozen vectors of the
    model's width besides. A rough figure: a batch that does not fit all the same is halved.
    """
    config, width = vlm.core.config.get_text_config(), vlm.core.dtype.itemsize
    places = set(getattr(vlm.core, "hf_device_map", {}).values()) or {vlm.device}
    free = [_free_memory(str(place) if not isinstance(place, int) else f"cuda:{place}") for place in places]
    hidden, heads = getattr(config, "hidden_size", None), getattr(config, "num_attention_heads", None)
    if None in free or not hidden or not heads:
        return None
    kept = getattr(config, "num_key_value_heads", None) or heads
    head = getattr(config, "head_dim", None) or hidden // heads
    cost = (2 * config.num_hidden_layers * kept * head + 24 * hidden) * width
    return max(1, int(sum(size for size in free if size) / 2 / cost))


def _free_memory(device: str) -> int | None:
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not on Windows and macOS
        return None
