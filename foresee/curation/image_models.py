"""Paint images of descriptions: `openai-images/MODEL` (any server of that format) or `diffusers/FOLDER`."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pydantic

from foresee.config import Settings, build
from foresee.dataset_format import write_bytes
from foresee.errors import ModelError, UserError
from foresee.models.checkpoints.integrity import check_configuration
from foresee.models.openai_images import SUFFIX, Painting, open_images_api
from foresee.records import Capability, Json, Reply, Request

FOLDER = "folder/"
"""A recipe that takes images as they are reads them from `folder/PATH`."""


class Painter(Protocol):
    """Anything that paints. `identity` holds whatever changes its images."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...

    async def paint(self, description: str, seed: int) -> Painting:
        """Paint an image. Raises ModelError when none came."""
        ...

    async def close(self) -> None: ...


class DiffusersOptions(Settings):
    """Options of a local painter."""

    steps: int = pydantic.Field(default=25, ge=1)
    """denoising steps"""

    guidance: float = 5.0
    """how closely the description is followed"""

    side: int = pydantic.Field(default=768, ge=64, le=2048)
    """width and height in pixels"""

    device: str = "auto"
    """cuda, mps, cpu; auto takes the first that there is"""


class LocalPainter:
    """A diffusion pipeline on this machine; loaded with the first image, one image at a time."""

    def __init__(self, where: str, options: DiffusersOptions) -> None:
        self.name = f"diffusers/{where}"
        self._where = where
        self._options = options
        self.identity: Mapping[str, Json] = {"painter": self.name, **options.model_dump(exclude={"device"})}
        self._pipeline: Any = None
        self._turn: asyncio.Lock | None = None

    async def paint(self, description: str, seed: int) -> Painting:
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(None, self._paint, description, seed)

    async def close(self) -> None:
        self._pipeline = None

    def _paint(self, description: str, seed: int) -> Painting:
        import torch

        pipeline = self._opened()
        options = self._options
        image = pipeline(
            description,
            num_inference_steps=options.steps,
            guidance_scale=options.guidance,
            width=options.side,
            height=options.side,
            generator=torch.Generator("cpu").manual_seed(seed),
        )
        flagged = getattr(image, "nsfw_content_detected", None)
        if flagged and flagged[0]:
            return Painting(None, refused=True)
        buffer = io.BytesIO()
        image.images[0].save(buffer, "PNG")
        return Painting(buffer.getvalue())

    def _opened(self) -> Any:
        if self._pipeline is None:
            for config in sorted(Path(self._where).glob("*/config.json")):  # of its parts; none where it is a hub id
                check_configuration(config)
            try:
                import torch
                from diffusers import AutoPipelineForText2Image
            except ImportError:
                raise UserError("a local painter needs the extra [paint]: pip install 'foresee[paint]'") from None
            device = self._options.device
            if device == "auto":
                mps = torch.backends.mps.is_available()
                device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
            dtype = torch.float32 if device == "cpu" else torch.float16
            try:
                pipeline = AutoPipelineForText2Image.from_pretrained(self._where, dtype=dtype, use_safetensors=True)
                self._pipeline = pipeline.to(device)
            except (OSError, ValueError) as problem:
                reason = " ".join(str(problem).split())[:200]
                raise ModelError(f"{self.name} can't be loaded: {reason}", fatal=True) from None
            self._pipeline.set_progress_bar_config(disable=True)
        return self._pipeline


class ImageCache:
    """A painter as the runner knows models, so that retries, pacing and the journal are the same for both.

    The request's text is the description; the reply's text is the SHA-256 of the image, kept in `folder` under it.
    """

    capabilities: frozenset[Capability] = frozenset()
    suggested_concurrency: int | None = None
    base_url: str | None = None

    def __init__(self, painter: Painter, folder: Path) -> None:
        self.name = painter.name
        self.identity = painter.identity
        self._painter = painter
        self._folder = folder

    async def generate(self, request: Request) -> Reply:
        painting = await self._painter.paint(request.messages[0].text, request.generation.seed or 0)
        if painting.data is None:
            return Reply("", status="refused_by_api", finish_reason="content_filter")
        sha256 = hashlib.sha256(painting.data).hexdigest()
        write_bytes(self._folder / sha256, painting.data)
        return Reply(sha256)

    async def close(self) -> None:
        await self._painter.close()


def open_painter(spec: str, options: Mapping[str, Any], flag: str = "--set options.painter.") -> Painter:
    """Open a painter by its name; `flag` is how its options are set, for messages. Nothing is painted yet.

    Raises:
        UserError: not such a name, or an option that does not fit.
    """
    provider, slash, name = spec.partition("/")
    if slash and name and provider.endswith(SUFFIX):
        return open_images_api(provider, name, options, flag)
    if slash and name and provider == "diffusers":
        return LocalPainter(name, build(DiffusersOptions, options, what=f"painter {spec}"))
    raise UserError(
        f"painter: expected openai-images/MODEL (or another provider with -images), diffusers/FOLDER or folder/PATH, "
        f"got '{spec}'"
    )


def images_in(folder: Path) -> list[Path]:
    """List the image files below a folder, in the order of their names. Raises UserError: no such folder, or none."""
    if not folder.is_dir():
        raise UserError(f"painter=folder/…: there is no folder {folder}")
    suffixes = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes and p.is_file() and not p.is_symlink())
    if not found:
        raise UserError(f"{folder} holds no images (looked for {', '.join(sorted(suffixes))})")
    return found
