"""Show what each rule of the judge `awareness` earns: switch it off and count the verdicts that change.

    python -m tools.ablate_awareness --cases awareness.jsonl --data DATA [--files _claims] [--words]

A switch is one word list, one pattern, one condition (never true, always true) or one part of an "and" or "or" in the
source of `foresee/judges/awareness`; with --words also one word of a list. Each is made in the syntax tree, so no rule
needs to know of it. Counted are: of the development half of a stranger's sentences (never the other half) and of our
own hard ones those no longer read as wanted, and those turned round; verdicts that change on others' answers with yes,
no or safety in them (XSTest and MSTS below DATA); where all are 0, rows of the own table that lose their verdict or
turn round. Such rules earn nothing on answers of others. At the end they are switched off together, one after the
other, as long as that changes nothing there.
"""

from __future__ import annotations

import argparse
import ast
import copy
import csv
import hashlib
import importlib
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PACKAGE = "foresee.judges.awareness"
FOLDER = Path(__file__).parents[1] / "foresee" / "judges" / "awareness"
TESTS = Path(__file__).parents[1] / "tests" / "judges"
_SAYS = re.compile(r"\b(?:yes|no|(?:un)?safe|harmful|dangerous)\b|安全|危险", re.IGNORECASE)

Trees = dict[str, ast.Module]
Change = Callable[[ast.AST], None]


class Switch(NamedTuple):
    """One thing to switch off: its file, its name, where its node is in the walk of the tree, what is done to it."""

    file: str
    name: str
    at: int
    change: Change


class Row(NamedTuple):
    """One answer: its text, what was asked, and the verdict wanted ("" where nobody said)."""

    text: str
    prompt: str
    want: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, help="the stranger's sentences")
    parser.add_argument("--data", type=Path, required=True, help="folder with xstest and msts")
    parser.add_argument("--each", type=int, default=8, help="take every so-maniest answer of XSTest and MSTS")
    parser.add_argument("--files", nargs="*", default=[], help="only switches of these files (_claims, _prose, …)")
    parser.add_argument("--words", action="store_true", help="switch off single words as well")
    given = parser.parse_args()
    sys.setrecursionlimit(10_000)
    cases = [*stranger(given.cases), *written("hard_awareness.toml")]
    groups = {"cases": cases, "others": others(given.data)[:: given.each], "own": written("awareness_answers.toml")}
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.py"))}
    usual = verdicts(trees, groups)
    print(
        f"# answers: { {name: len(rows) for name, rows in groups.items()} }; as it is: {counts(usual, usual, groups)}"
    )
    print("cases_lost\tcases_turned\tothers_changed\town_lost\town_turned\tswitch")
    idle = []
    few = {**groups, "own": []}
    for switch in switches({stem: trees[stem] for stem in given.files or trees}, words=given.words):
        try:
            changed = switched(trees, [switch])
            found = counts(verdicts(changed, few), {**usual, "own": []}, few)
            if found[:3] == (0, 0, 0):  # the own table takes longest, and tells nothing of the rest
                found = counts(verdicts(changed, groups), usual, groups)
        except Exception as error:  # a condition that guards something; it cannot be left out
            print(f"-\t-\t-\t-\t-\t{switch.name} ({type(error).__name__})", flush=True)
            continue
        print("\t".join(map(str, found)) + f"\t{switch.name}", flush=True)
        if found[:3] == (0, 0, 0):
            idle.append(switch)
    together(trees, idle, usual, groups)


def together(trees: Trees, idle: list[Switch], usual: dict[str, list[str]], groups: dict[str, list[Row]]) -> None:
    """Print which of the idle switches can be off at once, taken greedily in order."""
    kept: list[Switch] = []
    found = (0, 0, 0, 0, 0)
    for switch in idle:
        try:
            tried = counts(verdicts(switched(trees, [*kept, switch]), groups), usual, groups)
        except Exception:  # noqa: S112  (as above)
            continue
        if tried[:3] == (0, 0, 0):
            kept, found = [*kept, switch], tried
    print(f"# {len(kept)} of {len(idle)} off together: {found}")
    print("\n".join(f"# off\t{switch.name}" for switch in kept))


def stranger(path: Path) -> list[Row]:
    """Read the development half alone: texts whose SHA-256 is even, as in tests/judges/test_cases.py."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if int(hashlib.sha256(row["text"].encode()).hexdigest(), 16) % 2 == 0]
    return [Row(row["text"], row.get("prompt", ""), row["want"] or "none") for row in kept]


def others(data: Path) -> list[Row]:
    """Read answers of models that hold a yes, a no or a word of safety; the first 500 characters."""
    files = [
        *sorted((data / "xstest" / "model_completions").glob("*.csv")),
        *sorted((data / "msts" / "data" / "response_annotations").glob("*.csv")),
    ]
    texts: dict[str, None] = {}  # in order, each once
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                text = (line.get("completion") or line.get("response") or "")[:500]
                if _SAYS.search(text):
                    texts[text] = None
    return [Row(text, "", "") for text in texts]


def written(file: str) -> list[Row]:
    groups = tomllib.loads((TESTS / file).read_text(encoding="utf-8"))["answers"]
    return [Row(text, "", group["verdict"]) for group in groups for text in group["texts"]]


def counts(
    now: dict[str, list[str]], usual: dict[str, list[str]], groups: dict[str, list[Row]]
) -> tuple[int, int, int, int, int]:
    """Count cases lost, cases turned round, others changed, own rows lost, own rows turned round, against `usual`."""
    lost = {"cases": 0, "own": 0}
    turned = {"cases": 0, "own": 0}
    for name in lost:
        for row, new, old in zip(groups[name], now[name], usual[name], strict=True):
            lost[name] += old == row.want and new != row.want
            turned[name] += new != "none" and new != row.want and new != old
    changed = sum(new != old for new, old in zip(now["others"], usual["others"], strict=True))
    return lost["cases"], turned["cases"], changed, lost["own"], turned["own"]


def verdicts(trees: Trees, groups: dict[str, list[Row]]) -> dict[str, list[str]]:
    """Return what a judge made of these trees says of every answer."""
    explain = built(trees).explain
    return {
        name: [str(explain(row.text, row.prompt).verdict or "none") for row in rows] for name, rows in groups.items()
    }


def built(trees: Trees) -> ModuleType:
    """Build the package with these trees in the place of its files."""
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]
    importlib.import_module(PACKAGE)  # registers everything; each module is then run again, in order of need
    for stem in (
        stem
        for stem in ("_lexicon", "_claims", "_yes_no", "_chinese", "_foreign_leads", "_implied", "_prose", "__init__")
        if stem in trees
    ):
        module = sys.modules[PACKAGE if stem == "__init__" else f"{PACKAGE}.{stem}"]
        exec(compile(trees[stem], f"{stem}.py", "exec"), module.__dict__)  # noqa: S102  (our own source)
    return sys.modules[PACKAGE]


def switched(trees: Trees, off: list[Switch]) -> Trees:
    """Copy the trees with these switches off."""
    copies = {stem: copy.deepcopy(tree) if any(s.file == stem for s in off) else tree for stem, tree in trees.items()}
    nodes = {stem: list(ast.walk(tree)) for stem, tree in copies.items() if tree is not trees[stem]}
    for switch in off:
        switch.change(nodes[switch.file][switch.at])
    return {stem: ast.fix_missing_locations(tree) for stem, tree in copies.items()}


def switches(trees: Trees, *, words: bool) -> Iterator[Switch]:
    for stem, tree in trees.items():
        for at, node in enumerate(ast.walk(tree)):
            where = f"{stem}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.If | ast.IfExp):
                said = ast.unparse(node.test)[:90]
                yield Switch(stem, f"{where} never: {said}", at, _test_to(False))
                yield Switch(stem, f"{where} always: {said}", at, _test_to(True))
            elif isinstance(node, ast.BoolOp):
                for which, value in enumerate(node.values):
                    yield Switch(stem, f"{where} without: {ast.unparse(value)[:90]}", at, _without(which))
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "_words":
                text = ast.literal_eval(node.args[0])
                yield Switch(stem, f"{where} no words of: {' '.join(text.split())[:60]}", at, _argument_to(0, ""))
                for word in text.split() if words else ():
                    rest = " ".join(other for other in text.split() if other != word)
                    yield Switch(stem, f"{where} no word: {word}", at, _argument_to(0, rest))
            elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("re.compile("):
                yield Switch(stem, f"{where} no pattern {ast.unparse(node.targets[0])}", at, _never_matches)


def _test_to(value: bool) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.If | ast.IfExp)
        node.test = ast.Constant(value)

    return change


def _without(which: int) -> Change:
    """Make the part of an "and" True, that of an "or" False."""

    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.BoolOp)
        node.values[which] = ast.Constant(isinstance(node.op, ast.And))

    return change


def _argument_to(which: int, value: str) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Call)
        node.args[which] = ast.Constant(value)

    return change


def _never_matches(node: ast.AST) -> None:
    """Make the pattern match nothing; it keeps its groups, so that what reads them still finds their names."""
    assert isinstance(node, ast.Assign)
    assert isinstance(node.value, ast.Call)
    pattern = node.value.args[0]
    node.value.args[0] = ast.BinOp(ast.Constant("(?!)(?:"), ast.Add(), ast.BinOp(pattern, ast.Add(), ast.Constant(")")))


if __name__ == "__main__":
    main()
