"""Write the card of a data set folder (`README.md`): what it holds and where it comes from.

The front matter is that of Hugging Face's data set cards, so `datasets.load_dataset(FOLDER)` finds the rows.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.dataset_format import ROWS, Census, DataRow, census, read

CARD = "README.md"
PARQUET = "rows.parquet"
_EXAMPLES = 3
_LONGEST = 400  # characters of a turn that an example shows
_TRAINS = {
    "completion": "supervised fine-tuning (`foresee train sft`, TRL's SFTTrainer)",
    "preference": "preference optimisation (`foresee train dpo`, TRL's DPOTrainer)",
    "prompt": "methods that sample their own answers (`foresee train caspo`, TRL's GRPOTrainer), or evaluation",
}
_SPDX = re.compile(r"[A-Za-z0-9.+-]{2,40}")


def write(folder: Path) -> Path:
    """Write the card from the folder's rows and manifest (a folder made by hand may have none).

    Raises:
        UserError: no rows there, rows that do not fit, or the disk refuses it.
    """
    path = folder / CARD
    manifest.write_atomically(path, text(folder))
    return path


def text(folder: Path) -> str:
    """Write the card's text. Raises UserError as `write`."""
    found = census(folder)
    record = _manifest(folder)
    title = str(record.get("title") or folder.resolve().name).rstrip(".")
    parts = [
        _front_matter(folder, found, title),
        f"# {_plain(title)}\n",
        _summary(found, record),
        _counts(found),
        _made(record),
        _dropped(record),
        _examples(_different(read(folder))),
        _use(folder),
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _manifest(folder: Path) -> dict[str, Any]:
    if not (folder / manifest.FILE).is_file():
        return {}
    return manifest.read(folder, "data set")


def _front_matter(folder: Path, found: Census, title: str) -> str:
    licences = [name for name in found.by["licence"] if name]
    lines = ["---", f"pretty_name: {json.dumps(title, ensure_ascii=False)}"]
    if len(licences) == 1 and _SPDX.fullmatch(licences[0]):
        lines.append(f"license: {licences[0].lower()}")
    elif licences:
        lines += ["license: other", f"license_name: {json.dumps('mixed, see below')}"]
    lines += ["task_categories:", "- image-text-to-text", f"size_categories:\n- {_size(found.rows)}"]
    lines += ["tags:", "- safety", "- foresee"]
    files = PARQUET if (folder / PARQUET).is_file() else ROWS
    lines += ["configs:", "- config_name: default", "  data_files:", "  - split: train", f"    path: {files}", "---"]
    return "\n".join(lines) + "\n"


def _summary(found: Census, record: Mapping[str, Any]) -> str:
    rows = f"{_many(found.rows, 'row')} with {_many(found.images, 'distinct image')}."
    kinds = [kind for kind in found.by["kind"] if kind]
    trains = " ".join(f"For {_TRAINS[kind]}." for kind in kinds)
    unfinished = "" if record.get("finished", True) else "\n\n**Unfinished**: the command below continues it."
    review = record.get("review")
    reviewed = ""
    if review:
        seen, fixed = len(review.get("seen", ())), len(review.get("fixed", ()))
        reviewed = (
            f"\n\nReviewed by a person: {seen:,} of these rows ({fixed:,} of them changed); "
            f"{len(review.get('dropped', ())):,} more were dropped."
        )
    licence = "" if any(found.by["licence"]) else "\n\nNo licence is stated for these rows."
    return f"{rows} {trains}{licence}{unfinished}{reviewed}\n"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _counts(found: Census) -> str:
    tables = []
    for name, counter in found.by.items():
        known = Counter({key or "(none)": count for key, count in counter.items()})
        if set(counter) == {""} or name == "kind":
            continue
        lines = [f"| {name} | rows |", "|---|---:|"]
        lines += [f"| {_plain(key)} | {count:,} |" for key, count in known.most_common(40)]
        if len(known) > 40:
            lines.append(f"| {len(known) - 40} more | {sum(c for _, c in known.most_common()[40:]):,} |")
        tables.append("\n".join(lines) + "\n")
    return "## Counts\n\n" + "\n".join(tables) if tables else ""


def _made(record: Mapping[str, Any]) -> str:
    if not record:
        return ""
    lines = ["## How it was made", ""]
    if record.get("recipe"):
        version = f" version {record['recipe_version']}" if record.get("recipe_version") else ""
        lines.append(f"- recipe `{_plain(record['recipe'])}`{version}, foresee {record.get('foresee', '?')}")
    if record.get("command"):
        lines.append(f"- command: {_code(shlex.join(map(str, record['command'])))}")
    for role, model in dict(record.get("models") or {}).items():
        lines.append(f"- {role}: `{_plain(model.get('name', '?'))}`")
    for entry in record.get("inputs") or ():
        name = Path(str(entry.get("path", ""))).name
        lines.append(f"- {_plain(entry.get('field', 'input'))}: `{_plain(name)}`, hash {_hash(entry)}")
    cost = dict(record.get("cost") or {})
    if cost.get("usd") is not None:
        lines.append(f"- cost: {cost['usd']:.2f} USD")
    guard = dict(record.get("evaluation_pictures") or {})
    if guard.get("compared"):
        compared = ", ".join(f"{_plain(name)} ({count:,})" for name, count in dict(guard["pictures"]).items())
        lines.append(
            f"- no image of an evaluation set: {guard['overlap_with_rows']} in common with {compared or 'none'}"
        )
    if guard.get("requests"):
        compared = ", ".join(f"{_plain(name)} ({count:,})" for name, count in dict(guard["requests"]).items())
        lines.append(f"- no request of an evaluation set: {guard['texts_in_common']} in common with {compared}")
    lines.append(f"- seed {record.get('seed', '?')}; configuration, versions and hashes are in `{manifest.FILE}`")
    return "\n".join(lines) + "\n"


def _dropped(record: Mapping[str, Any]) -> str:
    reasons = [*dict(record.get("drops") or {}).items(), *dict(record.get("failures") or {}).items()]
    if not reasons:
        return ""
    lines = ["## Left out", "", "| reason | rows |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {_plain(reason)} | {count:,} |" for reason, count in reasons)]) + "\n"


def _different(rows: Iterator[DataRow]) -> Iterator[DataRow]:
    """Pick the first row of each of the first few subsets; further rows where there are fewer subsets."""
    firsts: dict[str, DataRow] = {}
    rest: list[DataRow] = []
    for row in rows:
        if row.subset not in firsts and len(firsts) < _EXAMPLES:
            firsts[row.subset] = row
        elif len(rest) < _EXAMPLES:
            rest.append(row)
    return islice((*firsts.values(), *rest), _EXAMPLES)


def _examples(rows: Iterator[DataRow]) -> str:
    parts = ["## Examples"]
    for row in rows:
        said: list[tuple[str, str]] = [(turn.role, turn.content) for turn in row.prompt]
        for name in ("completion", "chosen", "rejected"):
            said += [(name, turn.content) for turn in getattr(row, name) or ()]
        parts += [f"![image]({name})" for name in row.images if re.fullmatch(r"[\w./-]+", name)]
        parts.append(_fenced("\n".join(f"{role}: {_cut(content)}" for role, content in said)))
    return "\n\n".join(parts) + "\n" if len(parts) > 1 else ""


def _use(folder: Path) -> str:
    name = folder.resolve().name
    return (
        "## Use\n\n```python\nimport datasets\n\n"
        f'rows = datasets.load_dataset("{_plain(name)}", split="train")  # images by name\n\n'
        "from pathlib import Path\nfrom foresee import dataset_format\n\n"
        f'rows = dataset_format.to_dataset(Path("{_plain(name)}"))         # with images, as TRL takes it\n```\n'
    )


def _fenced(text: str) -> str:
    """Fence a text in a block that it can't end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _code(text: str) -> str:
    """Text on one line as code that it can't end."""
    line = " ".join(text.split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}" if len(fence) > 1 else f"{fence}{line}{fence}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"


def _plain(value: object) -> str:
    """Text that stays text in Markdown and in its tables."""
    line = " ".join(str(value).split())
    return re.sub(r"([|<>\[\]*_`])", r"\\\1", line) if re.search(r"[|<>\[\]*`]", line) else line


def _hash(entry: Mapping[str, Any]) -> str:
    return str(entry.get("sha256") or entry.get("listing_sha256") or "?")[:12]


def _size(rows: int) -> str:
    for most, name in ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M")):
        if rows < most:
            return name
    return "n>1M"
