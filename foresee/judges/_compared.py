"""Say how far a judge has been found to agree with people: what ships for rules, and what was checked here for models.

`compared.toml` holds what `python -m tools.tables.compared_judges` measured of the judges that go by rules.
`foresee judge check` keeps what it finds of a judge model in `runs/judge_check/`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import pydantic

from foresee.config import Settings
from foresee.files.untrusted import parse_json, read_regular

SHIPPED = Path(__file__).with_name("compared.toml")
CHECKED = Path("runs") / "judge_check"


class Compared(Settings):
    """A judge compared with people on one label set; see `foresee.human_labels.label_sets.Comparison`."""

    judge: str
    version: str
    models: tuple[str, ...] = ()
    """the judge models; none for rules"""
    rubrics: tuple[str, ...] = ()
    """name, version and hash of what judge models were asked; none for rules"""
    labels: str
    """the label set, with the options that were not the default"""
    question: str
    accuracy: float
    low: float | None = None
    high: float | None = None
    kappa: float | None = None
    answers: int
    """that the judge scored"""
    people: bool = True
    """whether people gave the labels; else they are what the answers were written to"""

    @property
    def figures(self) -> str:
        """Write the agreement as a phrase, in percent."""
        span = "" if self.low is None or self.high is None else f" ({100 * self.low:.1f} – {100 * self.high:.1f})"
        kappa = "" if self.kappa is None else f", kappa {self.kappa:.2f}"
        return f"{100 * self.accuracy:.1f} %{span} of {self.answers:,} answers of {self.labels}{kappa}"


@cache
def shipped() -> tuple[Compared, ...]:
    """Read what ships."""
    return tuple(Compared(**each) for each in tomllib.loads(SHIPPED.read_text(encoding="utf-8"))["compared"])


def of(judge: str, models: Collection[str], folder: Path = CHECKED) -> list[Compared]:
    """Find what is known of a judge by these judge models, or by rules where there are none."""
    known = [*shipped(), *_checked(folder)] if models else shipped()
    return [each for each in known if each.judge == judge and set(each.models) == set(models)]


def line(
    judge: str,
    models: Collection[str],
    version: str = "",
    *,
    how: str,
    rubrics: Collection[str] = (),
    behind: Collection[str] = (),
) -> str:
    """Say in one line how far a judge agrees with people, or that nobody looked.

    Args:
        judge: its name.
        models: the judge models; none for rules.
        version: of the judge that gave the verdicts, to tell when another was compared; "" if it is not known.
        how: the command that would compare it.
        rubrics: by which the verdicts were given, to tell when another was compared.
        behind: the rates that rest on it.
    """
    who = f"{judge.replace('_', ' ')} (by rules)" if not models else f"{judge} by {', '.join(models)}"
    who += f", behind {', '.join(behind)}" if behind else ""
    found = of(judge, models)
    known, written = ([each for each in found if each.people is said] for said in (True, False))
    least = f"; it reads as they were written {_figures(written)}, which is no agreement with people" if written else ""
    if not known:
        return f"{who}: not compared with people; {how} does it{least}"
    old = sorted({each.version for each in known} - {version}) if version else []
    told = f"; measured with version {', '.join(old)}, this is {version}" if old else ""
    other = sorted({rubric for each in known for rubric in each.rubrics} - set(rubrics)) if rubrics else []
    told += f"; measured by rubric {', '.join(other)}, this is {', '.join(rubrics)}" if other else ""
    return f"{who}: agrees with people on {_figures(known)}{told}{least}"


def _figures(known: Collection[Compared]) -> str:
    """Write the agreements as a phrase, those on the same answers together."""
    groups: dict[str, list[Compared]] = {}
    for each in known:
        groups.setdefault(each.labels, []).append(each)
    told = []
    for labels, found in groups.items():
        shares = {each.question: f"{each.question} {100 * each.accuracy:.1f} %" for each in found}
        several = f"{', '.join(shares.values())} of {max(e.answers for e in found):,} answers of {labels}"
        told.append(several if len(shares) > 1 else found[0].figures)
    return "; ".join(told)


def keep(found: Compared, folder: Path = CHECKED) -> None:
    """Keep what a check of judge models found, in the place of an earlier one of the same kind."""
    from foresee.manifest import digest, write_atomically

    name = digest([found.judge, found.models, found.rubrics, found.labels, found.question])[:12]
    write_atomically(folder / f"agreement-{name}.json", json.dumps(found.model_dump(), indent=2) + "\n")


def checked_here(folder: Path = CHECKED) -> str:
    """Hash what was checked here, to tell when there is more of it."""
    from foresee.manifest import digest

    return digest([each.model_dump(mode="json") for each in _checked(folder)])


def _checked(folder: Path) -> Iterator[Compared]:
    for path in sorted(folder.glob("agreement-*.json")):
        try:
            content = parse_json(read_regular(path))
            yield Compared(**content)
        except (OSError, ValueError, TypeError, pydantic.ValidationError):
            continue  # damaged, or another's: nothing is known then
