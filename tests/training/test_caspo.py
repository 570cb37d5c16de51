"""CASPO: its rewards against log-probabilities taken straight from the model, its teachers, its limits."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from PIL import Image as Picture

from foresee import constitutions, training
from foresee.errors import UserError
from foresee.models.checkpoints import LoadOptions, load
from foresee.records import Answer, Item, Verdict
from foresee.training._caspo import rewards
from foresee.training._caspo.served import aligned
from foresee.training._common import metrics, run
from foresee.training._common import rows as training_rows
from foresee.training._common.prompts import QUERY, with_constitution
from tests.support.rule_server import Rules, RuleServer, completion
from tests.support.serving import serving
from tests.training.running import session, settings, weights

KINDS = ("llava", "qwen2_5_vl")


def reads_with(folder: Path) -> Any:
    """What a server does that tells the log-probabilities of what it reads, as vLLM's answers look, by a real model."""
    vlm = load(folder, options=LoadOptions(device="cpu", dtype="float32"))
    vlm.model.eval()
    processor: Any = vlm.processor

    def part(given: Mapping[str, Any]) -> dict[str, Any]:
        if given["type"] == "text":
            return dict(given)
        data = base64.b64decode(given["image_url"]["url"].partition(",")[2])
        return {"type": "image", "image": Picture.open(io.BytesIO(data))}

    def react(question: Any) -> dict[str, Any]:
        body = question.body
        assert (body["prompt_logprobs"], body["add_generation_prompt"]) == (0, False)
        turns = [
            {"role": each["role"], "content": [part(p) for p in _parts(each["content"])]} for each in body["messages"]
        ]
        made = processor.apply_chat_template(turns, tokenize=True, return_dict=True, return_tensors="pt")
        ids = made["input_ids"][0]
        with torch.no_grad():
            scores = vlm.model(**made).logits[0].float().log_softmax(-1)
        told = scores[:-1].gather(1, ids[1:, None])[:, 0].tolist()
        entries = [{str(int(token)): {"logprob": value}} for token, value in zip(ids[1:], told, strict=True)]
        return {**completion(question, "x"), "prompt_logprobs": [None, *entries]}

    return react


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class Seen:
    """What a trainer made of one batch of prompts."""

    def __init__(self, prepared: run.Session) -> None:
        self.trainer = prepared.trainer
        self.trainer.model.train()
        self.inputs = next(iter(self.trainer.get_train_dataloader()))
        self.reward: Any = None
        original = self.trainer._token_reward

        def spied(*arguments: Any) -> Any:
            self.reward = original(*arguments)
            return self.reward

        self.trainer._token_reward = spied
        torch.manual_seed(0)
        self.out = self.trainer._generate_and_score_completions(self.inputs)


def direct(model: Any, processor: Any, row: Mapping[str, Any], answer: list[int], temperature: float) -> torch.Tensor:
    """log p of each token of an answer after one prompt, alone and without padding: (T,)."""
    from trl.data_utils import prepare_multimodal_messages

    turns = prepare_multimodal_messages(row["prompt"], images=row["images"])
    made = dict(
        processor.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
    )
    ids = torch.cat([made.pop("input_ids"), torch.tensor([answer])], 1)
    made.pop("attention_mask")
    for name in ("token_type_ids", "mm_token_type_ids"):
        if name in made:
            made[name] = torch.cat([made[name], torch.zeros(1, len(answer), dtype=made[name].dtype)], 1)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **made).logits[0].float() / temperature
    scores: torch.Tensor = logits.log_softmax(-1)[-len(answer) - 1 : -1].gather(1, torch.tensor(answer)[:, None])[:, 0]
    return scores


@pytest.mark.parametrize(
    ("kind", "teacher", "turn", "scores"),
    [
        ("llava", "moving", "system", "sampled"),
        ("llava", "frozen", "user", "again"),
        ("qwen2_5_vl", "frozen", "system", "sampled"),
        ("qwen2_5_vl", "moving", "user", "again"),
    ],
)
def test_token_reward_is_the_difference_of_the_models_own_log_probabilities(
    kind: str, teacher: str, turn: Literal["system", "user"], scores: str, models: Any, folders: Any, tmp_path: Path
) -> None:
    given = (
        f"teacher={teacher}", f"constitution_turn={turn}", f"student_scores={scores}", "limit=4", "batch=16",
        "temperature=0.9", "token_clip=[-9.0, 9.0]",
    )  # fmt: skip
    prepared = session("caspo", settings("caspo", models, folders, tmp_path / "run", *given, kind=kind))
    with torch.no_grad():  # an adapter that does something, so that frozen and moving differ
        for name, parameter in prepared.trainer.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.3)
    seen = Seen(prepared)
    model, processor = seen.trainer.model.eval(), seen.trainer.processing_class
    assert {len(row["images"]) for row in seen.inputs} == {0, 1}, "a batch with and without pictures"
    law = constitutions.text("world")
    for row, ids, mask, reward in zip(
        seen.inputs, seen.out["completion_ids"], seen.out["completion_mask"], seen.reward, strict=True
    ):
        answer = ids[mask.bool()].tolist()
        lawful = {**row, "prompt": with_constitution(row["prompt"], law, turn)}
        plain = direct(model, processor, row, answer, 0.9)
        if teacher == "frozen":
            with model.disable_adapter():
                told = direct(model, processor, lawful, answer, 0.9)
        else:
            told = direct(model, processor, lawful, answer, 0.9)
        torch.testing.assert_close(reward[: len(answer)], told - plain, atol=2e-5, rtol=1e-4)
        assert not reward[len(answer) :].any()
    assert seen.reward.abs().max() > 0.05


def test_a_moving_teacher_without_a_constitution_has_nothing_to_say(models: Any, folders: Any, tmp_path: Path) -> None:
    given = ("teacher=moving", "constitution=", "normalise=false", "token_weight=1")
    seen = Seen(session("caspo", settings("caspo", models, folders, tmp_path / "run", *given, kind="qwen2_5_vl")))
    assert seen.reward.abs().max() < 1e-5
    assert seen.out["advantages"].abs().max() < 1e-5


def test_token_weight_zero_is_grpo(models: Any, folders: Any, tmp_path: Path) -> None:
    from trl import GRPOConfig, GRPOTrainer

    def prepared(name: str, *given: str) -> run.Session:
        given = ("batch=8", "limit=2", "tune=full", "reward.world.risk=1", *given)
        return session("caspo", settings("caspo", models, folders, tmp_path / name, *given))

    plain = prepared("grpo", "token_weight=0")
    parts = plain.parts
    functions, worth = rewards.Outcomes(
        [(_judge("world"), {"effectiveness": 0.5, "risk": 1.0})], parts.rows
    ).functions()
    made = {"num_generations": 4, "max_completion_length": 6, "reward_weights": worth}
    theirs = GRPOTrainer(
        model=parts.policy.model,
        args=GRPOConfig(**parts.arguments, **made),
        reward_funcs=functions,
        train_dataset=parts.data,
        processing_class=parts.policy.processor,
    )
    theirs.train()
    ended = weights(theirs.model)
    for token_weight, same in (("token_weight=0", True), ("token_weight=0.5", False)):
        ours = prepared(token_weight, token_weight)
        run.run(ours)
        ours_ended = weights(ours.trainer.model)
        assert all(torch.equal(value, ours_ended[name]) for name, value in ended.items()) is same


@pytest.mark.parametrize("teacher", ["moving", "frozen", "ema"])
def test_teachers_of_full_tuning(teacher: str, models: Any, folders: Any, tmp_path: Path) -> None:
    """A frozen teacher scores as the model did before any step; a running mean lies between then and now."""
    given = (f"teacher={teacher}", "tune=full", "steps=3", "ema_rate=0.5", "student_scores=again")
    prepared = session("caspo", settings("caspo", models, folders, tmp_path / "run", *given))
    trainer = prepared.trainer
    name, first = next((n, p.detach().clone()) for n, p in trainer.model.named_parameters() if p.requires_grad)
    run.run(prepared)
    last = dict(trainer.model.named_parameters())[name].detach().clone()
    with trainer.teacher.model(trainer) as scoring:
        held = dict(scoring.named_parameters())[name].detach().clone()
    assert torch.equal(dict(trainer.model.named_parameters())[name], last), "the student has its own weights back"
    assert not torch.equal(first, last)
    if teacher == "moving":
        assert torch.equal(held, last)
    elif teacher == "frozen":
        assert torch.equal(held, first)
    else:
        assert not torch.equal(held, first)
        assert not torch.equal(held, last)
        assert ((held - first).abs() <= (last - first).abs() + 1).all()


def test_a_teacher_of_its_own(models: Any, folders: Any, tmp_path: Path) -> None:
    """COPSD: an adapter that was trained before is swapped in, or held beside the student, and scores alike."""
    taught = training.train("sft", settings("sft", models, folders, tmp_path / "teacher"))
    whole = tmp_path / "whole"
    from foresee.models.checkpoints.merge import merge

    merge(models["llava"], taught, whole)
    scored: list[tuple[str, torch.Tensor]] = []
    with serving(RuleServer(Rules(react=reads_with(whole)))) as url:
        served: tuple[Any, tuple[str, ...]] = ("vllm/rules", (f"teacher_options.base_url={url}",))
        for name, more in ((taught, ()), (taught, ("lora.rank=2",)), (whole, ()), served):
            given = (f"teacher={name}", "student_scores=again", "limit=2", *more)
            prepared = session("caspo", settings("caspo", models, folders, tmp_path / f"{len(scored)}", *given))
            kind = type(prepared.trainer.teacher).__name__
            seen = Seen(prepared)
            scored.append((kind, seen.reward))
    assert [kind for kind, _ in scored] == ["Shadow", "Other", "Other", "Served"]
    unread = seen.trainer._metrics["train"]["token_gap/unread"]
    told = seen.reward != 0  # an end token that the template does not write, and words it writes otherwise, are unread
    torch.testing.assert_close(seen.reward[told], scored[2][1][told], atol=1e-4, rtol=1e-3)
    assert unread == pytest.approx([1 - told.sum().item() / seen.out["completion_mask"].sum().item()])
    assert unread[0] < 0.5
    assert scored[0][1].abs().max() > 1e-3
    torch.testing.assert_close(scored[0][1], scored[1][1], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(scored[0][1], scored[2][1], atol=1e-4, rtol=1e-3)


def test_a_server_that_can_not_teach_is_told_of(models: Any, folders: Any, tmp_path: Path) -> None:
    with serving(RuleServer()) as url:  # it answers, and tells nothing of what it reads
        given = ("teacher=vllm/rules", f"teacher_options.base_url={url}", "limit=2")
        with pytest.raises(UserError, match="tells no log-probabilities of what it reads"):
            Seen(session("caspo", settings("caspo", models, folders, tmp_path / "a", *given)))
        with pytest.raises(UserError, match="temperature=1"):
            session("caspo", settings("caspo", models, folders, tmp_path / "b", *given, "temperature=0.9"))


def test_an_answer_is_found_near_the_end_of_what_was_read() -> None:
    read = [(5, -0.5), (6, -0.6), (7, -0.7), (5, -0.1), (6, -0.2), (2, -0.3), (9, -4.0)]
    assert aligned(read, [5, 6, 2]) == [-0.1, -0.2, -0.3]
    assert str(aligned(read, [5, 6, 3])) == "[-0.1, -0.2, nan]"  # the template ends a turn with another token
    assert str(aligned(read, [5, 7])) == "[-0.1, nan]"
    assert str(aligned(read, [8, 2])) == str(aligned([(8, -1.0), *[(1, -1.0)] * 20], [8, 2])) == "[nan, nan]"
    assert aligned(read, []) == []


def test_rows_are_routed(models: Any, folders: Any, tmp_path: Path) -> None:
    given = ("outcome_sources=['twin']", "batch=16", "limit=16", "normalise=false", "token_weight=0")
    seen = Seen(session("caspo", settings("caspo", models, folders, tmp_path / "run", *given)))
    rows = training_rows.load(folders["prompt"], ()).rows
    mask = seen.out["completion_mask"]
    dense = torch.tensor([rows[row["row"]].source != "twin" for row in seen.inputs])
    assert dense.any()
    assert not dense.all()
    torch.testing.assert_close(seen.out["advantages"][dense], seen.reward[dense])
    for row in seen.out["advantages"][~dense] - seen.out["advantages"][~dense][:, :1] * mask[~dense]:
        assert not row.any(), "an outcome is the same for all tokens of its answer"


def test_replay_rows_have_their_own_loss(models: Any, folders: Any, tmp_path: Path) -> None:
    given = (f"replay={folders['completion']}", "replay_weight=1", "replay_batch=2")
    prepared = session("caspo", settings("caspo", models, folders, tmp_path / "run", *given))
    run.run(prepared)
    lines = [line for line in metrics.read(tmp_path / "run") if "replay/loss" in line]
    assert len(lines) == 2
    assert all(line["replay/loss"] > 1 for line in lines)


class Faulty:
    """A judge that reads by length, and fails on every answer with an odd number of characters."""

    name = "faulty"
    identity: Mapping[str, Any] = {}

    async def judge(self, item: Item, answer: Answer) -> Verdict:
        if len(answer.text) % 2:
            raise RuntimeError("no verdict today")
        return Verdict(item.id, 0, "faulty", {"size": float(len(answer.text))})


def test_an_answer_without_a_verdict_has_no_reward_of_any_judge(folders: Any) -> None:
    rows = training_rows.load(folders["prompt"], ())
    judges: list[tuple[Any, dict[str, float]]] = [
        (Faulty(), {"size": 1.0}),
        (_judge("world"), {"risk": 1.0, "over_caution": -1.0}),
    ]
    outcomes = rewards.Outcomes(judges, rows)
    functions, worth = outcomes.functions()
    assert [function.__name__ for function in functions] == ["faulty.size", "world.risk", "world.over_caution"]
    assert worth == [1.0, 1.0, -1.0]
    logged: dict[str, float] = {}
    answers = [[{"role": "assistant", "content": text}] for text in ("wait", "sur", "wait", "wait .")]
    columns = {"row": [0, 0, 1, 1], "log_metric": logged.__setitem__}
    found = [function(completions=answers, **columns) for function in functions]
    assert found[0] == [4.0, None, 4.0, 6.0]
    assert [value is None for value in found[1]] == [False, True, True, True], "row 0 is a hazard, row 1 its twin"
    assert [value is None for value in found[2]] == [True, True, False, False]
    assert logged == {"reward/unscored": 0.25, "reward/empty": 0.0}


def test_words_of_a_verdict_are_parts() -> None:
    class Wordy:
        name = "wordy"

    verdict = Verdict("x", 0, "wordy", "full")
    known = rewards._known(Item("x", ()), Wordy(), {"full": -1.0, "none": 0.5}, verdict)  # type: ignore[arg-type]
    assert known == {"wordy.full": 1.0, "wordy.none": 0.0}


def test_the_constitution_stands_where_it_is_wanted() -> None:
    prompt = [{"role": "user", "content": "light the candle"}]
    assert with_constitution(prompt, "", "system") == prompt
    assert with_constitution(prompt, "look", "system")[0] == {"role": "system", "content": "look"}
    ruled = [{"role": "system", "content": "be brief"}, *prompt]
    assert with_constitution(ruled, "look", "system")[0]["content"] == "look\n\nbe brief"
    assert with_constitution(ruled, "look", "user")[1]["content"] == "look\n\nlight the candle"
    wrapped = with_constitution(prompt, f"think, then answer: {QUERY}!", "user")
    assert wrapped[0]["content"] == "think, then answer: light the candle!"
    assert prompt[0]["content"] == "light the candle", "the row itself is left alone"


def _judge(name: str) -> Any:
    from foresee.judges import open_judge

    return open_judge(name)


def test_the_two_terms_gradients_add_up_to_the_whole(models: Any, folders: Any, tmp_path: Path) -> None:
    given = ("token_weight=0.5", "log_terms_every=1", "tune=full", "reward.world.risk=1", "steps=1")
    training.train("caspo", settings("caspo", models, folders, tmp_path / "run", *given))
    (first, *_) = [line for line in metrics.read(tmp_path / "run") if "gradient/token" in line]
    outcome, token, cosine = (first[f"gradient/{name}"] for name in ("outcome", "token", "cosine"))
    assert token > 0
    whole = (outcome**2 + token**2 + 2 * cosine * outcome * token) ** 0.5
    assert first["grad_norm"] == pytest.approx(whole, rel=1e-3)
