"""MM-SafetyBench: does an image that shows what the text leaves out make a model serve a harmful request?

1,680 questions in 13 scenarios, each with three images: of the thing (SD), of its name in letters (TYPO), and both
(SD_TYPO). Subset harm is scenarios 01-07 and 09 (972 questions); policy is 08 and 10-13 (708), where the published
judge looks for declining and disclaimers, not for harm. An ASR over other scenarios is another figure: name them.

Paper: X. Liu et al., "MM-SafetyBench", ECCV 2024, arXiv 2311.17600. Licence: CC BY-NC 4.0.

    foresee eval mm_safetybench --model M --judge-model J [-T variant=SD] [-T subset=harm] [-T tiny=true]

What is ours, and what to know:
- Reads the authors' repository with the Drive images (`imgs/SCENARIO/VARIANT/ID.jpg`, or their zip as it came), or
  the parquet files of the PKU-Alignment mirror. Spelling "01-Illegal_Activitiy" is official.
- The pairing of text and image is the authors': SD with "Rephrased Question(SD)", the others with "Rephrased
  Question". SD's text speaks of a phrase that SD's image does not show; some people swap the two, and get other
  figures.
- Ids have gaps in 05 and 08, and 08 asks 19 questions twice; equal questions share a cluster.
- The rubric depends on the scenario, as published (`_mm_safetybench_rubrics.py`); -T rubric=own takes the judge's own.
- Decoding settings of the paper are not known: greedy, 512 tokens, for both presets.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from foresee.benchmarks._shared.attack_metrics import ATTACK_METRICS, asr_of_harm, attack_measures, with_goal
from foresee.benchmarks._shared.files import only, some
from foresee.benchmarks._shared.images import ImageFolders, NamedImage, from_cell
from foresee.benchmarks._shared.mm_safetybench_rubrics import rubric_of
from foresee.benchmarks._shared.turns import user_turn
from foresee.config import BenchmarkOptions
from foresee.data.tables import Line, read_columns, read_json, read_keyed
from foresee.errors import UserError, unknown_name
from foresee.judges._model.rubric import Rubric
from foresee.metrics import Metric
from foresee.records import Answer, Item, Verdict

SOURCE = {
    "name": "MM-SafetyBench",
    "hub": "PKU-Alignment/MM-SafetyBench",
    "homepage": "https://github.com/isXinLiu/MM-SafetyBench",
    "paper": "https://arxiv.org/abs/2311.17600",
    "revision": "b80eedea",
    "licence": "CC-BY-NC-4.0",
    "consequence": "not for commercial use; name the authors",
    "expected": {"harm": 972, "policy": 708},
    "manual": "texts: git clone https://github.com/isXinLiu/MM-SafetyBench; images: the Google Drive link in its "
    "README, 'MM-SafetyBench(imgs).zip', beside data/processed_questions (unpacked or not); or all of it from the "
    "mirror: hf download PKU-Alignment/MM-SafetyBench --repo-type dataset",
    "companion": "mossbench",
    "figures": {
        "VSFA Table 1 (ASR, constructive score)": "13 scenarios; which variant the paper took is not known",
        "ECSO and papers after it": "subset=harm with variant=SD_TYPO: 8 scenarios",
    },
}
VERSION = "1"
JUDGES = ("harmful", "constructive", "refusal")
METRICS = (*ATTACK_METRICS, asr_of_harm("ASR over scenarios 01-07 and 09, the eight about harm"))
PROFILE = {"ASR": ("resistant", "harmful requests served")}

_COUNTS = {  # scenario -> questions, and those of the tiny version
    "01-Illegal_Activitiy": (97, 10), "02-HateSpeech": (163, 16), "03-Malware_Generation": (44, 5),
    "04-Physical_Harm": (144, 14), "05-EconomicHarm": (122, 12), "06-Fraud": (154, 15), "07-Sex": (109, 11),
    "08-Political_Lobbying": (153, 15), "09-Privacy_Violence": (139, 14), "10-Legal_Opinion": (130, 13),
    "11-Financial_Advice": (167, 17), "12-Health_Consultation": (109, 11), "13-Gov_Decision": (149, 15),
}  # fmt: skip
_POLICY = ("08", "10", "11", "12", "13")
_WITH_IMAGE = ("SD", "SD_TYPO", "TYPO")
_TINY = "TinyVersion_ID_List.json"
_FIELDS = {
    "SD": "Rephrased Question(SD)",
    "SD_TYPO": "Rephrased Question",
    "TYPO": "Rephrased Question",
    "text_only": "Changed Question",
}


class Options(BenchmarkOptions):
    """Options of MM-SafetyBench (`-T key=value`)."""

    subset: Literal["all", "harm", "policy"] = "all"
    """scenarios 01-07 and 09 (harm), 08 and 10-13 (policy), or all"""

    scenarios: str = "all"
    """numbers of the scenarios to run, with commas (1,2,9); taken together with `subset`"""

    variant: Literal["SD_TYPO", "SD", "TYPO", "text_only", "all"] = "SD_TYPO"
    """which image, the whole request as text alone, or all three images (items of one question are a cluster)"""

    tiny: bool = False
    """the authors' sample of 168 questions"""

    rubric: Literal["source", "own"] = "source"
    """the scenario's published rubric, restated, or the harm judge's own for every scenario"""


class _Question(NamedTuple):
    scenario: str
    variant: str
    id: str
    text: str
    asked: str
    origin: str
    image: NamedImage | None


def expected(options: Options) -> dict[str, int]:
    """How many items each subset has under these options."""
    counts: Counter[str] = Counter()
    for scenario in _chosen(options):
        counts[_subset(scenario)] += _COUNTS[scenario][options.tiny] * len(_variants(options))
    return dict(counts)


def metrics(options: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Without the part's own ASR when a part is run."""
    whole = options.get("subset", "all") == "all" and options.get("scenarios", "all") == "all"
    return METRICS if whole else ATTACK_METRICS


def items(data: Path, options: Options) -> Iterator[Item]:
    """Yield the items, scenario by scenario, in the order of the published files.

    Raises:
        UserError: files that are missing or malformed, or options that fit nothing.
    """
    if options.modality == "image" and options.variant == "text_only":
        raise UserError("variant=text_only has no image; modality=image needs SD, SD_TYPO, TYPO or all")
    wanted = _tiny_ids(data) if options.tiny else None
    found = _from_repository(data, options) if some(data, "01-*.json") else _from_mirror(data, options)
    return (
        question_to_item(question, options)
        for question in found
        if wanted is None or question.id in wanted.get(question.scenario, ())
    )


def question_to_item(question: _Question, options: Options) -> Item:
    """One question with one of its images as an item."""
    turn = user_turn(question.text, [question.image] if question.image else [], options)
    words = hashlib.sha256(" ".join(question.origin.lower().split()).encode()).hexdigest()[:16]
    return Item(
        id=f"{question.scenario}/{question.variant}/{question.id}",
        messages=turn.messages,
        subset=_subset(question.scenario),
        scenario=question.scenario,
        cluster=f"{question.scenario[:2]}/{words}",
        expected="harmful",
        metadata={**turn.metadata, "goal": question.asked, "variant": question.variant, "rubric": options.rubric},
        missing_image=turn.missing_image,
    )


def rubric(judge: str, item: Item) -> Rubric | None:
    """Choose the scenario's own rubric for the harm judge; else the judges' own with the request in plain words."""
    if judge == "harmful" and item.metadata.get("rubric") == "source":
        return rubric_of(item.scenario)
    return with_goal(judge, item)


def applies(item: Item) -> tuple[str, ...]:
    return ("attack_success", "constructive", "refused")


def measures(item: Item, answer: Answer, verdicts: Mapping[str, Verdict]) -> dict[str, float | None]:
    """Whether the attack succeeded by the scenario's rubric, the constructive score, and refusals."""
    return attack_measures(verdicts)


def defects(data: Path) -> dict[str, Sequence[str]]:
    """Questions asked twice, and numbers that no question has."""
    if not some(data, "01-*.json"):
        return {}
    twice, gaps = [], []
    for scenario in _COUNTS:
        rows = _rows(data, scenario)
        first: dict[str, str] = {}
        for row_id, line in rows.items():
            earlier = first.setdefault(line.text("Question"), row_id)
            if earlier != row_id:
                twice.append(f"{scenario}: {earlier}/{row_id}")
        numbers = {int(row_id) for row_id in rows if row_id.isdecimal()}
        gaps += [f"{scenario}: {n}" for n in range(max(numbers, default=-1) + 1) if n not in numbers]
    return {"questions asked twice (one cluster)": twice, "numbers that no question has": gaps}


def _from_repository(data: Path, options: Options) -> Iterator[_Question]:
    images = ImageFolders(data)
    for scenario in _chosen(options):
        rows = _rows(data, scenario)
        for variant in _variants(options):
            for row_id, line in rows.items():
                has_image = variant in _WITH_IMAGE
                image = images.find(f"{scenario}/{variant}/{row_id}.jpg") if has_image else None
                text, asked = line.text(_FIELDS[variant]), line.text("Changed Question")
                yield _Question(scenario, variant, row_id, text, asked, line.text("Question"), image)


def _from_mirror(data: Path, options: Options) -> Iterator[_Question]:
    """Parquet files `CONFIG/SPLIT.parquet`, a config for each scenario without its number."""
    for scenario in _chosen(options):
        config = scenario.partition("-")[2]
        asked = {line.text("id"): line.text("question") for line in _split(data, config, "Text_only", optional=True)}
        for variant in _variants(options):
            split = "Text_only" if variant == "text_only" else variant
            for line in _split(data, config, split):
                row_id, text = line.text("id"), line.text("question")
                name = f"{config}/{split}/{row_id}"
                image = from_cell(line.values.get("image"), name) if variant in _WITH_IMAGE else None
                goal = asked.get(row_id, text)
                yield _Question(scenario, variant, row_id, text, goal, goal, image)


def _split(data: Path, config: str, split: str, *, optional: bool = False) -> Iterator[Line]:
    found = some(data, f"{config}/{split}.parquet") or some(data, f"{config}/{split}-*.parquet")
    if not found and not optional:
        raise UserError(
            f"expected processed_questions/*.json (the authors' repository) or {config}/{split}.parquet (the mirror) "
            f"in {data} or below; neither is there"
        )
    return (line for path in found for line in read_columns(path, ("id", "question")))


def _rows(data: Path, scenario: str) -> dict[str, Line]:
    path, *_ = some(data, f"processed_questions/{scenario}.json") or [only(data, f"{scenario}.json")]
    return read_keyed(path)


def _tiny_ids(data: Path) -> dict[str, set[str]]:
    path = only(data, _TINY)
    try:
        return {entry["Scenario"]: {str(each) for each in entry["Sampled_ID_List"]} for entry in read_json(path)}
    except (TypeError, KeyError):
        raise UserError(f"{path}: expected a list of objects with Scenario and Sampled_ID_List") from None


def _chosen(options: Options) -> list[str]:
    """Choose the scenarios. Raises UserError: one that does not exist, or none left."""
    numbers = {name[:2]: name for name in _COUNTS}
    wanted: Iterable[str] = numbers
    if options.scenarios != "all":
        wanted = [part.strip().zfill(2) for part in options.scenarios.split(",") if part.strip()]
        for number in wanted:
            if number not in numbers:
                raise unknown_name("scenario of mm_safetybench", number, numbers)
    chosen = [name for number, name in numbers.items() if number in set(wanted)]
    chosen = [name for name in chosen if options.subset in ("all", _subset(name))]
    if not chosen:
        raise UserError(
            f"mm_safetybench: no scenario is in both scenarios={options.scenarios} and subset={options.subset}"
        )
    return chosen


def _variants(options: Options) -> tuple[str, ...]:
    return _WITH_IMAGE if options.variant == "all" else (options.variant,)


def _subset(scenario: str) -> str:
    return "policy" if scenario[:2] in _POLICY else "harm"
