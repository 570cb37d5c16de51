"""Check every row before the first step, so that none of them can end a training hours later.

Every image is decoded, and one of each size is put through the model's own image processor (extreme shapes are refused
there). Where a text spells a token that the model keeps for itself (`<|image_pad|>`, `<|im_end|>`), it is written as
plain text, as evaluation does; `<image>` at the start or end of a request says where LLaVA's format has its images, and
goes, since foresee's rows have theirs before the request.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from foresee.data.images import inspect_image
from foresee.dataset_format import ROWS, DataRow, Turn, image_path
from foresee.errors import UserError
from foresee.models.checkpoints.find import one_line
from foresee.training._common.rows import Rows

Size = tuple[int, int]
_MARK = re.compile(r"^\s*((?:<image>\s*)+)|((?:\s*<image>)+)\s*$")
_PLACEHOLDERS = ("image_token", "video_token", "boi_token", "eoi_token", "fake_image_token", "global_image_tag")
_NAMED = 3  # rows that an error names; the rest is counted


def inspected(
    rows: Rows, processor: Any, most: float, progress: Callable[[int, int], None] = lambda done, total: None
) -> Rows:
    """Return the rows that can be trained on, with plain texts; name the others in `left_out`.

    Args:
        rows: of one folder.
        processor: the model's.
        most: share of the rows that may be left out.
        progress: called with (images seen, images).

    Raises:
        UserError: more rows than that can't be used, or all of them; the first ones are named by file and line.
    """
    problems = _image_problems(rows, processor, progress)
    control = _control_tokens(processor)
    kept, lines, left_out = [], [], []
    rewritten: Counter[str] = Counter()
    for line, row in zip(rows.lines, rows.rows, strict=True):
        problem = next((problems[name] for name in row.images if name in problems), None)
        if problem is not None:
            left_out.append(f"{rows.folder / ROWS}, line {line}: {problem}")
            continue
        kept.append(_plain(row, control, rewritten))
        lines.append(line)
    if len(left_out) > most * len(rows) or not kept:
        more = f"; and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        raise UserError(
            f"{len(left_out)} of {len(rows)} rows can't be trained on: {'; '.join(left_out[:_NAMED])}{more}. "
            f"Fix or remove them, or let them be left out: --set bad_rows={len(left_out) / len(rows):.2g} or more"
        )
    return replace(
        rows, rows=tuple(kept), lines=tuple(lines), left_out=tuple(left_out), rewritten=dict(rewritten.most_common())
    )


def notes(rows: Rows) -> list[str]:
    """Name what was left out and rewritten, a line each."""
    lines = [f"left out: {each}" for each in rows.left_out]
    return lines + [f"{what} in {count} of {len(rows):,} rows" for what, count in rows.rewritten.items()]


def _image_problems(rows: Rows, processor: Any, progress: Callable[[int, int], None]) -> dict[str, str]:
    """Map each image that can't be trained on to the reason."""
    names = list(dict.fromkeys(name for row in rows.rows for name in row.images))
    problems: dict[str, str] = {}
    sizes: dict[Size, str | None] = {}

    def look(name: str) -> Size | str:
        try:
            facts = inspect_image(image_path(rows.folder, name))
        except UserError as problem:
            return one_line(problem)
        return facts.width, facts.height

    with ThreadPoolExecutor(max_workers=min(8, (os.cpu_count() or 1) + 1)) as pool:
        for number, (name, seen) in enumerate(zip(names, pool.map(look, names), strict=True), 1):
            if not isinstance(seen, str) and seen not in sizes:
                sizes[seen] = _size_problem(processor, seen)
            problem = seen if isinstance(seen, str) else sizes[seen]
            if problem is not None:
                problems[name] = problem
            progress(number, len(names))
    return problems


def _size_problem(processor: Any, size: Size) -> str | None:
    """Say why the model's image processor takes no image of this size; None where it does."""
    from PIL import Image

    try:
        processor.image_processor(images=[Image.new("RGB", size)], return_tensors="pt")
    except Exception as problem:  # processors raise what they like
        return f"an image of {size[0]} x {size[1]} pixels, which the model's processor refuses: {one_line(problem)}"
    return None


def _control_tokens(processor: Any) -> list[str]:
    """List the texts of the model's control tokens; longer ones first."""
    tokenizer = getattr(processor, "tokenizer", processor)
    owners = (processor, tokenizer)
    tokens = {str(getattr(owner, name)) for owner in owners for name in _PLACEHOLDERS if getattr(owner, name, None)}
    return sorted(tokens | set(tokenizer.all_special_tokens), key=len, reverse=True)


def _plain(row: DataRow, control: Sequence[str], rewritten: Counter[str]) -> DataRow:
    done: set[str] = set()

    def written(text: str, images: int) -> str:
        bare = _MARK.sub(lambda match: match[0] if match[0].count("<image>") > images else "", text)
        if bare != text:
            done.add("<image> at an end of the request, where its image stands anyhow, taken away")
        for token in control:
            if token in bare:
                done.add(f"the model's own token {token} written as plain text")
                bare = bare.replace(token, f"{token[0]} {token[1:]}")
        return bare

    def rewritten_turns(turns: Iterable[Turn] | None, images: int = 0) -> tuple[Turn, ...] | None:
        if turns is None:
            return None
        return tuple(
            turn.model_copy(update={"content": written(turn.content, images if turn.role == "user" else 0)})
            for turn in turns
        )

    answers = {name: rewritten_turns(getattr(row, name)) for name in ("completion", "chosen", "rejected")}
    changed = row.model_copy(update={"prompt": rewritten_turns(row.prompt, len(row.images)), **answers})
    rewritten.update(done)
    return changed if done else row
