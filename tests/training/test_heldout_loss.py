"""The loss on held-out rows: which rows they are, that nothing is learnt from them, and what the number is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from foresee import manifest, training
from foresee.dataset_format import DataRow, RowWriter, Turn, read
from foresee.errors import UserError
from foresee.report import training as training_page
from foresee.training._common import dry_run, heldout_rows, metrics, run
from foresee.training._common import rows as training_rows
from foresee.training._common.metrics import Progress
from tests.training.running import DATA, session, settings

SUPERVISED = ("sft", "dpo")


def adapter(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def ids(rows: training_rows.Rows) -> set[str]:
    return {row.id for row in rows.rows}


def copy(source: Path, target: Path, keep: set[str]) -> Path:
    """Copy the rows of these ids, with their images, to a folder of their own."""
    with RowWriter.open(target) as writer:
        for row in read(source):
            if row.id in keep:
                images = tuple(writer.store(source / name) for name in row.images)
                writer.add(row.model_copy(update={"images": images}))
    return target


def linked(folder: Path) -> training_rows.Rows:
    """Rows a and b are a pair, b and c have one request, the others nothing in common."""
    with RowWriter.open(folder) as writer:
        for name, request, facts in (("a", "one", {}), ("b", "two", {"twin_of": "a"}), ("c", "two", {}),
                                     *((str(i), f"request {i}", {}) for i in range(17))):  # fmt: skip
            turns = Turn(role="user", content=request), Turn(role="assistant", content="yes")
            writer.add(DataRow(id=name, prompt=turns[:1], completion=turns[1:], facts=facts))
    return training_rows.load(folder, ("completion",), text_only=True)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_rows_that_belong_together_are_held_out_together(share: float, tmp_path: Path) -> None:
    rows = linked(tmp_path / "rows")
    train, held_out = heldout_rows.split(rows, share)
    assert ids(train) | ids(held_out) == ids(rows)
    assert not ids(train) & ids(held_out)
    assert {"a", "b", "c"} <= ids(train) or {"a", "b", "c"} <= ids(held_out)
    assert abs(len(held_out) - share * 20) <= 2
    assert heldout_rows.split(rows, share) == (train, held_out)


def test_rows_of_one_image_are_held_out_together(folders: dict[str, Path], tmp_path: Path) -> None:
    source = next(row for row in read(folders["completion"]) if row.images)
    data = (folders["completion"] / source.images[0]).read_bytes()
    with RowWriter.open(tmp_path / "one") as writer:
        name = writer.store(data)
        (tmp_path / "one" / "again.png").write_bytes(data)
        for number, image in enumerate((name, "again.png", name)):
            request = (Turn(role="user", content=f"request {number}"),)
            writer.add(source.model_copy(update={"id": str(number), "images": (image,), "prompt": request}))
    rows = training_rows.load(tmp_path / "one", ("completion",))
    with pytest.raises(UserError, match=r"all 3 rows of .* none can be held out.*eval_data"):
        heldout_rows.split(rows, 0.3)


@pytest.mark.parametrize("method", SUPERVISED)
def test_held_out_rows_are_measured_and_never_learnt_from(
    method: str, models: Any, folders: Any, tmp_path: Path
) -> None:
    said: list[Progress] = []
    config = settings(method, models, folders, tmp_path / "run", "steps=3", "eval_split=0.3", "eval_every=2")
    prepared = run.prepare(method, training.method(method), config, said.append)
    folder = run.run(prepared)
    parts = prepared.parts
    assert parts.eval_rows is not None
    held_out, rows = ids(parts.eval_rows), ids(parts.rows)
    everything = {row.id for row in read(folders[DATA[method]])}
    assert held_out
    assert rows | held_out == everything
    assert not held_out & rows
    assert any(f"held out: {len(held_out)} rows of" in each.note for each in said)
    lines = [line for line in metrics.read(folder) if "eval_loss" in line]
    assert [line["step"] for line in lines] == [0, 2, 3]
    assert lines[0]["eval_loss"] != lines[-1]["eval_loss"]
    assert ("eval_rewards/accuracies" in lines[0]) == (method == "dpo")
    about = manifest.read(folder, "training")
    assert about["metrics_before"]["eval_loss"] == lines[0]["eval_loss"]
    assert about["metrics_after"]["eval_loss"] == lines[-1]["eval_loss"]
    assert about["held_out"]["rows_used"] == len(held_out)
    assert about["data"]["rows_used"] == len(rows)
    card = (folder / "README.md").read_text()
    assert f"**Held out**: {len(held_out)} rows" in card
    assert "| held-out loss ↓ |" in card
    assert "held-out loss ↓" in training_page.render([folder]).replace("<wbr>", "")
    without = copy(folders[DATA[method]], tmp_path / "fewer", rows)
    alone = training.train(method, settings(method, models, folders, tmp_path / "alone", "steps=3", f"data={without}"))
    for name, value in adapter(folder).items():
        assert torch.equal(value, adapter(alone)[name]), "the same as where those rows and that measuring never were"


def test_the_number_is_the_loss_on_the_answers(models: Any, folders: Any, tmp_path: Path) -> None:
    prepared = session("sft", settings("sft", models, folders, tmp_path / "run", "eval_split=0.3", "batch=1"))
    trainer = prepared.trainer
    losses = []
    for row in prepared.parts.eval_data:
        batch = trainer.data_collator([row])
        labels = batch.pop("labels")
        with torch.no_grad():
            logits = trainer.model(**batch).logits[:, :-1]
        losses.append(torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten()).item())
    folder = run.run(prepared)
    first = next(line["eval_loss"] for line in metrics.read(folder) if "eval_loss" in line)
    assert first == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_a_folder_of_others_takes_what_it_shows_out_of_the_training(models: Any, folders: Any, tmp_path: Path) -> None:
    source = folders["completion"]
    rows = list(read(source))
    shown = {rows[0].id, rows[2].id}
    other = copy(source, tmp_path / "other", shown)
    given = (f"eval_data={other}", f"replay={source}", "replay_share=0.3")
    prepared = session("sft", settings("sft", models, folders, tmp_path / "run", *given))
    assert prepared.parts.eval_rows is not None
    assert ids(prepared.parts.eval_rows) == shown
    assert not ids(prepared.parts.rows) & shown
    assert prepared.parts.replay is not None
    assert not ids(prepared.parts.replay) & shown
    text = dry_run.preview("sft", settings("sft", models, folders, tmp_path / "dry", *given))
    assert "held out: " in text
    with pytest.raises(UserError, match="nothing is left to train on"):
        session("sft", settings("sft", models, folders, tmp_path / "all", f"eval_data={source}"))


def worsened(prepared: run.Session, after: int) -> Path:
    """Train, but away from the answers once `after` steps are done."""
    trainer, original = prepared.trainer, prepared.trainer.compute_loss

    def compute_loss(*arguments: Any, **keywords: Any) -> Any:
        loss = original(*arguments, **keywords)
        return -loss if trainer.model.training and trainer.state.global_step >= after else loss

    trainer.compute_loss = compute_loss
    return run.run(prepared)


def test_the_lowest_loss_is_kept_if_that_is_asked_for(models: Any, folders: Any, tmp_path: Path) -> None:
    given = ("eval_split=0.3", "eval_every=1", "steps=4", "learning_rate=0.01", "schedule=constant")
    last = worsened(session("sft", settings("sft", models, folders, tmp_path / "last", *given)), 2)
    config = settings("sft", models, folders, tmp_path / "best", *given, "keep=best_eval_loss")
    best = worsened(session("sft", config), 2)
    losses = [line["eval_loss"] for line in metrics.read(best) if "eval_loss" in line]
    assert min(losses) == losses[2], losses
    assert manifest.read(best, "training")["kept"] == "the weights of the lowest held-out loss"
    assert not (last / "best").exists()
    short = training.train("sft", settings("sft", models, folders, tmp_path / "short", *given, "steps=2"))
    for name, value in adapter(best).items():
        torch.testing.assert_close(value, adapter(short)[name])
        assert not torch.equal(value, adapter(last)[name])
    never = worsened(session("sft", config.model_copy(update={"out": str(tmp_path / "never")})), 0)
    assert "nothing was better than before the training" in manifest.read(never, "training")["kept"]


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        ("sft", ["keep=best_eval_loss"], "needs held-out rows"),
        ("caspo", ["keep=best_eval_loss"], "needs held-out rows"),
        ("caspo", ["eval_split=0.1"], "no train caspo option named 'eval_split'"),
        ("sft", ["eval_steps=5"], "eval_every needs held-out rows"),
        ("dpo", ["eval_split=0.1", "eval_data=x"], "give one of them"),
        ("dpo", ["eval_split=1.5"], "less than 1"),
        ("sft", ["eval_data=NOWHERE"], "NOWHERE is not a data set folder"),
    ],
)
def test_what_does_not_fit_is_one_line(
    method: str, given: list[str], message: str, models: Any, folders: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as raised:
        session(method, settings(method, models, folders, tmp_path / "run", *given))
    assert "\n" not in str(raised.value)


def test_names_of_others_are_understood(caplog: pytest.LogCaptureFixture) -> None:
    given = ["model=M", "data=D", "out=O"]
    config = training.configure("sft", None, [*given, "val_set_size=0.1", "eval_steps=7"])
    assert isinstance(config, training.SupervisedConfig)
    assert (config.eval_split, config.eval_every) == (0.1, 7)
    assert "val_set_size is called eval_split here" in caplog.text
    other = training.configure("caspo", None, [*given, "eval_steps=7", "token_weight=1"])
    assert other.probe.every == 7
