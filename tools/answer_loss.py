"""Measure what a treatment costs in language: a model's loss on the answers of a data set, in nats a token.

    foresee curate xstest_answers --set types=test --set label=safe --out datasets/held_out
    python -m tools.answer_loss datasets/held_out organism/smol organism/smol:runs/sft [--tokens 96] [--dtype bfloat16]

Each answer's first tokens are read after its prompt, in the model's own template; rows with images are left out.
One line a model: the mean over answers of their mean loss, its 95 % interval, and the number of answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foresee import dataset_format
from foresee.dataset_format import DataRow
from foresee.models.local.model import checkpoint
from foresee.training._common.prompts import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a data set folder with completions")
    parser.add_argument("models", nargs="+", help="as --model takes them: local/… or organism/…")
    parser.add_argument("--tokens", type=int, default=96, help="of each answer, at most")
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    rows = [row for row in dataset_format.read(given.data) if row.answer and not row.images]
    for model in given.models:
        each = np.array(losses(model, rows, given.tokens, given.dtype))
        reach = 1.96 * each.std(ddof=1) / len(each) ** 0.5
        mean = each.mean()
        print(f"{mean:.3f}  {mean - reach:.3f} – {mean + reach:.3f}  {len(each)}  {model}", flush=True)


def losses(model: str, rows: Sequence[DataRow], tokens: int, dtype: str) -> list[float]:
    """Compute the mean loss of each row's answer."""
    import torch

    vlm = checkpoint(model, {"dtype": dtype})
    processor: Any = vlm.processor if vlm.processor is not None else vlm.tokenizer
    found = []
    for row in rows:
        turns = [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in row.prompt]
        prompt = read(processor, [turns])["input_ids"].to(vlm.device)
        said = vlm.tokenizer.encode(row.answer, add_special_tokens=False)[:tokens]
        answer = torch.tensor([said], device=vlm.device)
        with torch.no_grad():
            logits = vlm.model(input_ids=torch.cat([prompt, answer], 1), logits_to_keep=len(said) + 1).logits
        scores = logits[0, :-1].float().log_softmax(-1)
        found.append(-float(scores.gather(1, answer.T).mean()))
    return found


if __name__ == "__main__":
    main()
