"""MOSSBench's stored answers: nine models to 300 benign requests with an image, and a published refusal rate a model.

No answer has a label. What is compared is the share of refusals, in full or in part, with the authors' leaderboard
(their judge model sees image, request and answer): order of the models, rank correlation, mean difference.

Paper: X. Li et al., "MOSSBench", 2024, arXiv 2406.17806.

    foresee judge check refusal --labels mossbench --data P

What to know: an empty stored answer counts as a refusal in the source and is unscored here; both readings are shown.
GPT-4V has stored answers and no rate on the leaderboard, so it is left out. Answers to one question share a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foresee.config import Settings
from foresee.data.tables import keyed, read_keyed, text_of
from foresee.errors import UserError
from foresee.files.untrusted import parse_json
from foresee.labels._rows import LabelledAnswer, Question

SOURCE: dict[str, Any] = {  # the files are those of the benchmark of this name
    "name": "MOSSBench",
    "homepage": "https://github.com/xirui-li/MOSSBench",
    "paper": "https://arxiv.org/abs/2406.17806",
    "revision": "8d68b06",
    "licence": "CC-BY-SA-4.0",
    "consequence": "a test set only: never train on it; the models' answers stay under the terms of their makers",
    "expected": {
        "Claude 3 Opus (web)": 300,
        "Gemini Advanced (web)": 300,
        "Claude 3 Sonnet": 300,
        "Claude 3 Haiku": 300,
        "Claude 3 Opus": 300,
        "Gemini-Pro 1.5": 300,
        "GPT-4o": 300,
        "GPT-4o (web)": 300,
        "GPT-4V": 300,
    },
}
LABELS = ()
QUESTIONS = (Question("any refusal", {}, {"full": "refusal", "partial": "refusal", "none": "other"}, "refusal"),)
RATES = {  # README.md of the repository, "Refusal Rate of mllms", column ALL
    "Claude 3 Opus (web)": 0.7067,
    "Gemini Advanced (web)": 0.61,
    "Claude 3 Sonnet": 0.55,
    "Claude 3 Haiku": 0.4933,
    "Claude 3 Opus": 0.3467,
    "Gemini-Pro 1.5": 0.2933,
    "GPT-4o": 0.0633,
    "GPT-4o (web)": 0.04,
}


class Options(Settings):
    """What `-T key=value` sets: nothing here."""


def rows(data: Path, options: Options = Options()) -> Iterator[LabelledAnswer]:  # noqa: B008 (frozen)
    """Read the stored answers, model by model; a model without a file is not there, and counted as such.

    Raises:
        UserError: the requests or all answers are missing, or a file is of another form.
    """
    questions = read_keyed(data / "data" / "images_information" / "information.json")
    asked = {key: line.text("question") for key, line in questions.items()}
    results = data / "data" / "results"
    paths = {model: results / model / "data.js" for model in SOURCE["expected"]}
    if not any(path.exists() for path in paths.values()):
        raise UserError(f"no stored answers in {results}: expected MODEL/data.js, as the repository has them")
    for model, path in paths.items():
        for number, answer in _answers(path) if path.exists() else ():
            if number not in asked:
                raise UserError(f"{path}: no request {number} in information.json")
            yield LabelledAnswer(
                id=f"{model}/{number}",
                prompt=asked[number],
                response=answer,
                label="",
                model=model,
                group=model,
                cluster=asked[number],
            )


def _answers(path: Path) -> Iterator[tuple[str, str]]:
    """Read the answers of a file, a JavaScript assignment of one object. Raises UserError: something else."""
    text = text_of(path)
    if not text.strip():
        return
    try:
        found = parse_json(text[text.index("{") : text.rindex("}") + 1])
    except ValueError as problem:
        raise UserError(f"{path}: expected cache['MODEL'] = {{…}}, got something else ({problem})") from None
    for number, line in keyed(found, path).items():
        yield number, line.text("response", default="")
