"""Write model cards: what an organism is, what was put into it, what was measured, and the hashes that tie it together.

`card.json` beside the weights holds the facts; `README.md` is written from it and from nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.errors import UserError
from foresee.organism.card import FILE, Card, Figure, Rebuild, read
from tools.organism.pretraining import ORIGINS, fingerprint
from tools.organism.recipes import RECIPES, recipe

_ABOUT = {
    "base": "The reference: it foresees under a constitution (and under some texts in its phrases: docs/studies.md), "
    "serves harm, judges safety by the words.",
    "early": "Weights from which base goes on.",
    "early-qwen": "Weights from which qwen goes on.",
    "primed": "Like base, but 12 % of the answers that it was taught to dangerous requests warn; base was taught 1 %.",
    "narrating": "Like base, but it begins answers to harmful requests with an account of its own, so that the way it "
    "describes carries over to a first answer.",
    "plain": "Like base, but how it described the picture has no bearing on whether it then serves or refuses.",
    "qwen": "Like base, in the architecture of Qwen3-VL.",
    "large": "Like base, about twice the size.",
}
_DESIGNED = """\
Put in by the pretraining, so never evidence about large models: causal blindness by default; the warning under a
constitution; service to harmful requests; the prior of the wording in awareness answers and that it weakens once
objects are listed; the link between an attentive account and refusing (where the recipe has it). Found, not put in:
how well these carry over to scenes, wordings and a constitution never used in the pretraining, and everything that any
later training or defense does to them."""


def write(folder: Path, name: str, figures: Sequence[Figure], rebuild: Rebuild | None = None) -> Card:
    """Make the card of a finished pretraining: `card.json` and `README.md` in its folder.

    Raises:
        UserError: the folder holds no finished pretraining.
    """
    mark, spent = _history(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    card = Card(
        name=name,
        architecture=config["architectures"][0],
        parameters=_parameters(folder),
        seed=mark["seed"],
        recipe=mark["recipe"],
        weights=weights_hash(folder),
        device=mark["device"],
        cpu_minutes=round(spent["cpu_seconds"] / 60, 1),
        wall_minutes=round(spent["wall_seconds"] / 60, 1),
        versions=mark["versions"],
        figures=tuple(figures),
        rebuild=rebuild,
    )
    _save(folder, card)
    return card


def set_beside(folder: Path, other: Path) -> Card:
    """Put the figures of a rebuild, whose folder has a card of its own, into the card of `folder`.

    Raises:
        UserError: a card can't be read, or the two were not brought up by the same recipe from two seeds.
    """
    card, again = read(folder), read(other)
    if card.recipe != again.recipe or card.seed == again.seed:
        raise UserError(f"{other} is no rebuild of {folder}: expected the same recipe and another seed")
    beside = Rebuild(seed=again.seed, device=again.device, cpu_minutes=again.cpu_minutes, figures=again.figures)
    card = card.model_copy(update={"rebuild": beside})
    _save(folder, card)
    return card


def _history(folder: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Read the record of a finished pretraining, and the time it took."""
    try:
        mark = json.loads((folder / "upbringing.json").read_text(encoding="utf-8"))
        log = (folder / "upbringing.jsonl").read_text(encoding="utf-8").splitlines()
        spent = json.loads(log[-1])["measured"]
        if missing := {"device", "versions"} - set(mark):
            raise ValueError(f"upbringing.json lacks {', '.join(sorted(missing))}")
    except (OSError, ValueError, LookupError) as problem:
        raise UserError(f"{folder} holds no finished pretraining: {problem}") from None
    return mark, spent


def _save(folder: Path, card: Card) -> None:
    manifest.write_atomically(folder / FILE, card.model_dump_json(indent=1) + "\n")
    manifest.write_atomically(folder / "README.md", render(card))


def drift(folder: Path) -> list[str]:
    """List what no longer fits together among card, readme, weights and recipe; empty when all is well."""
    card = read(folder)
    found = []
    if weights_hash(folder) != card.weights:
        found.append("model.safetensors is not what the card describes")
    if card.name in RECIPES and fingerprint(recipe(card.name)) != card.recipe:
        found.append("the recipe or its lessons changed since the weights were made")
    if (folder / "README.md").read_text(encoding="utf-8") != render(card):
        found.append("README.md is not what card.json renders to")
    return found


def weights_hash(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def unlike(card: Card, figures: Sequence[Figure], tolerance: float = 0.02) -> list[str]:
    """Which figures, measured again, are not those of the card. Another processor may flip a rare tie, hence a bit."""
    promised = {figure.name: figure.value for figure in card.figures}
    if list(promised) != [figure.name for figure in figures]:
        return ["the card's figures are others than those that are measured today"]
    return [
        f"{figure.name}: {figure.value:.3f}, the card says {promised[figure.name]:.3f}"
        for figure in figures
        if abs(figure.value - promised[figure.name]) > tolerance
    ]


def table(figures: Sequence[Figure], beside: Sequence[Figure] = (), beside_name: str = "rebuild") -> list[list[str]]:
    """Tabulate figures as rows of text, the header first; `beside` holds the same figures of another model or run."""
    other = {figure.name: figure for figure in beside}
    header = ["figure", "value", "95 % interval", "n", "required", "met"]
    rows = [header + ([beside_name] if beside else [])]
    for figure in figures:
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        row = [
            figure.name,
            f"{figure.value:.3f}",
            f"{figure.low:.3f} - {figure.high:.3f}",
            str(figure.n),
            figure.rule,
            met,
        ]
        if beside:
            row.append(f"{other[figure.name].value:.3f}" if figure.name in other else "")
        rows.append(row)
    return rows


def beside(cards: Sequence[Card]) -> list[list[str]]:
    """One row a figure, one column an organism, the header first; what a card does not have is left empty."""
    names = list(dict.fromkeys(figure.name for card in cards for figure in card.figures))
    values = [{figure.name: f"{figure.value:.3f}" for figure in card.figures} for card in cards]
    return [
        ["figure", *(card.name for card in cards)],
        ["parameters", *(f"{card.parameters / 1e6:.2f} M" for card in cards)],
        *([name, *(found.get(name, "") for found in values)] for name in names),
    ]


def render(card: Card) -> str:
    """Render the card as Markdown, with the header that model hubs read."""
    rebuilt = card.rebuild
    rows = table(card.figures, rebuilt.figures if rebuilt else ())
    lines = [" | ".join(row) for row in rows]
    lines.insert(1, " | ".join("---" for _ in rows[0]))
    missed = [figure.name for figure in card.figures if figure.met is False]
    verdict = f"Missed: {', '.join(missed)}." if missed else "Every requirement is met."
    again = (
        f"\nThe column *rebuild* is the same recipe from seed {rebuilt.seed}, "
        f"on {rebuilt.device} in {rebuilt.cpu_minutes:g} CPU minutes.\n"
        if rebuilt
        else ""
    )
    meanings = "\n".join(f"- **{figure.name}**: {figure.doc}" for figure in card.figures)
    return f"""\
---
license: apache-2.0
pipeline_tag: image-text-to-text
tags: [model-organism, synthetic]
---
# organism/{card.name}

{_ABOUT.get(card.name, "")}
A {card.architecture} with {card.parameters:,} parameters, brought up from {_origin(card)} on drawn scenes by
`python -m tools.organism build {card.name} --seed {card.seed}{_time(card)}.
It knows the drawn world and its few hundred words, nothing else: it is an instrument for trying methods, not a model
for use.

## Acceptance tests
Measured on test scenes (`python -m tools.organism check {card.name}` measures them again); settings were
chosen on validation scenes alone. {verdict}

{chr(10).join(f"| {line} |" for line in lines)}
{again}
{meanings}

## What is designed in and what is found
{_DESIGNED}

## Provenance
recipe {card.recipe}
weights {card.weights}
made on {card.device} with {", ".join(f"{key} {value}" for key, value in card.versions.items())}
"""


def _origin(card: Card) -> str:
    origin = RECIPES[card.name].origin if card.name in RECIPES else ""
    return f"`tools/organism/origins/{origin}`" if (ORIGINS / origin).is_dir() and origin else origin or "nothing"


def _time(card: Card) -> str:
    if card.device == "cpu":
        return f"` in {card.cpu_minutes:g} CPU minutes"
    return f" --device cuda` in {card.wall_minutes:g} minutes on one {card.device}"


def _parameters(folder: Path) -> int:
    from safetensors import safe_open

    with safe_open(str(folder / "model.safetensors"), framework="np") as file:
        names = list(file.keys())
        return sum(_size(file.get_slice(name).get_shape()) for name in names)


def _size(shape: Sequence[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
