"""Loads the processor of an image-text model; without its video part where torchvision is missing.

transformers' video processors need torchvision, its image processors do not, and a processor that has both parts
can't be loaded without the former. So the same processor class is built from its other parts; whatever it does
with images and text stays its own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from foresee.errors import UserError
from foresee.models.checkpoints.find import import_torch, one_line


def load_processor(
    folder: Path,
    *,
    trust_remote_code: bool = False,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> Any:
    """Load the checkpoint's processor.

    Args:
        folder: of the checkpoint.
        trust_remote_code: run a processor class that comes with the checkpoint.
        min_pixels: enlarge images to at least this area.
        max_pixels: shrink images to at most this area.

    Raises:
        UserError: no usable processor in the folder, or a pixel limit for a processor of fixed image size.
    """
    import_torch()
    from transformers import AutoProcessor

    try:
        try:
            processor = AutoProcessor.from_pretrained(folder, trust_remote_code=trust_remote_code)
        except (ImportError, OSError, ValueError) as problem:
            if not any(word in str(problem).lower() for word in ("torchvision", "video processor")):
                raise
            processor = _image_only_processor(folder)
    except (ImportError, OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        if "torchvision" in str(problem).lower():  # a few need it for images too
            raise UserError(f"{folder}: its processor needs torchvision for images: {_torchvision()}") from None
        raise UserError(f"{folder}: its processor can't be loaded: {one_line(problem)}") from problem
    if type(processor).__name__ == "ShieldGemma2Processor":
        processor = _one_prompt(processor)
    if getattr(processor, "image_processor", None) is None or getattr(processor, "tokenizer", None) is None:
        raise UserError(f"{folder}: expected a processor for images and text, found {type(processor).__name__}")
    if min_pixels or max_pixels:
        _limit_pixels(processor.image_processor, min_pixels, max_pixels)
    return processor


def _torchvision() -> str:
    """Say how to install the torchvision that fits this torch; that of PyPI, for CUDA, fails beside a CPU torch."""
    torch = import_torch()
    build = torch.__version__.partition("+")[2]
    index = f" --index-url https://download.pytorch.org/whl/{build}" if build else ""
    return f"pip install torchvision{index} (for torch {torch.__version__})"


class _NoVideo:
    """Stands where a video processor would: every setting asked of it is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def _image_only_processor(folder: Path) -> Any:
    from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    original = PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(folder, trust_remote_code=False))]
    settings, _ = original.get_processor_dict(folder)
    parts = {
        "image_processor": AutoImageProcessor.from_pretrained(folder, trust_remote_code=False),
        "tokenizer": AutoTokenizer.from_pretrained(folder, trust_remote_code=False),
    }
    arguments = [parts.get(attribute) or _NoVideo() for attribute in original.get_attributes()]
    return _without_video(original).from_args_and_dict(arguments, settings)


@functools.cache
def _without_video(original: Any) -> Any:
    """Derive a processor class that needs no video part."""

    def check(self: Any, name: str, argument: Any) -> Any:
        return (
            None if isinstance(argument, _NoVideo) else original.check_argument_for_proper_class(self, name, argument)
        )

    def to_dict(self: Any) -> dict[str, Any]:
        return {key: value for key, value in original.to_dict(self).items() if not isinstance(value, _NoVideo)}

    members = {"check_argument_for_proper_class": check, "to_dict": to_dict, "__module__": original.__module__}
    return type(original.__name__, (original,), members)  # the name is written when the processor is saved


def _one_prompt(processor: Any) -> Any:
    """ShieldGemma 2's processor writes all of its policies' prompts itself; its body, Gemma 3's, takes one as it is."""
    from transformers import Gemma3Processor

    return Gemma3Processor(
        processor.image_processor,
        processor.tokenizer,
        chat_template=processor.chat_template,
        image_seq_length=processor.image_seq_length,
    )


def _limit_pixels(image_processor: Any, min_pixels: int | None, max_pixels: int | None) -> None:
    known = getattr(getattr(image_processor, "valid_kwargs", None), "__annotations__", {})
    size = dict(image_processor.size)
    if "max_pixels" not in known or "longest_edge" not in size:
        fixed = dict(getattr(image_processor, "crop_size", None) or size)
        area = fixed.get("height", 0) * fixed.get("width", 0)
        if area and (min_pixels or 0) <= area <= (max_pixels or area):
            return  # it keeps within them anyway
        named = f"{type(image_processor).__name__} has a fixed size" + (f", {area:,} pixels" if area else "")
        raise UserError(f"min_pixels and max_pixels do not apply: {named}")
    size["shortest_edge"] = min_pixels or size["shortest_edge"]
    size["longest_edge"] = max_pixels or size["longest_edge"]
    if size["shortest_edge"] > size["longest_edge"]:
        smallest, largest = size["shortest_edge"], size["longest_edge"]
        raise UserError(f"min_pixels {smallest} is more than max_pixels {largest}: set both")
    image_processor.size = type(image_processor.size)(**size)
