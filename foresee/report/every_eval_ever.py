"""A run in the format of Every Eval Ever 0.3: an aggregate with intervals and judges, and its scored samples.

Schemas: https://github.com/evaleval/every_eval_ever at 9bce413 (MIT), arXiv 2606.14516. Where it has no field, ours:

- A row without a value is no sample, since the format wants a score of each: `details` of a result hold coverage, and
  the value if all that is unscored were worst or best; `detailed_evaluation_results` says how many were left out.
- A sample is a row and a measure; it names the first result that the measure enters.
- Images are named by hash in the metadata of a sample, beside cluster, attack and defense.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from foresee.errors import UserError
from foresee.evaluation.run_folder import Run
from foresee.files.spool import Places
from foresee.files.untrusted import whole
from foresee.manifest import written_whole
from foresee.metrics import Metric, selected
from foresee.records import Row
from foresee.statistics import Estimate

VERSION = "0.3.0"
_OURS = ("local", "organism", "vllm", "sglang", "ollama")
_THEIRS = ("openai", "anthropic", "gemini", "openrouter")
_WRAPPERS = ("local", "vllm", "sglang", "ollama", "openrouter", "custom", "inspect", "stored")


def write(run: Run, out: Path | None = None) -> Path:
    """Write `data/BENCHMARK/DEVELOPER/MODEL/UUID.json` and `UUID_samples.jsonl` below a folder, and return the first.

    The same run gives the same files.

    Args:
        run: with its metrics.
        out: the folder; None for `eee` in the run's folder.

    Raises:
        UserError: the run has no figure, or the files can't be written.
    """
    results = {
        estimate.name: (metric, estimate)
        for metric, estimate in zip(run.metrics, run.estimates, strict=True)
        if estimate.value is not None
    }
    if not results:
        raise UserError(f"{run.folder} holds no figure, so there is nothing to export as eee")
    digest = hashlib.sha256(json.dumps([run.title, dict(run.manifest)], sort_keys=True, default=str).encode()).digest()
    name = str(uuid.UUID(bytes=digest[:16], version=4))
    model = _model(run.model)
    folder = Path("data", *map(_safe, (run.benchmark, model["developer"], model["id"].rpartition("/")[2])))
    root, samples = out or run.folder / "eee", folder / f"{name}_samples.jsonl"
    stamp = int(datetime.fromisoformat(run.manifest.get("written") or "1970-01-01T00:00:00+00:00").timestamp())
    identity = f"{run.benchmark}/{model['id']}/{stamp}"
    try:
        (root / folder).mkdir(parents=True, exist_ok=True)
        checksum, count = _write_lines(root / samples, _samples(run, results, identity, model["id"]))
        details = {"file_path": samples.as_posix(), "checksum": checksum, "total_rows": count}
        found = [_result(run, *found, identity) for found in results.values()]
        path = root / folder / f"{name}.json"
        with written_whole(path) as file:
            record = _aggregate(run, model, identity, stamp, found, details)
            file.write(whole(json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode())
    except OSError as problem:
        raise UserError(f"can't write below {root}: {problem.strerror or problem}") from None
    return path


def _write_lines(path: Path, samples: Iterable[Mapping[str, Any]]) -> tuple[str, int]:
    """Write a line for each sample. Return the file's SHA-256 and how many there are."""
    checksum, count = hashlib.sha256(), 0
    with written_whole(path) as file:
        for sample in samples:
            line = whole(json.dumps(sample, ensure_ascii=False) + "\n").encode()
            checksum.update(line)
            file.write(line)
            count += 1
    return checksum.hexdigest(), count


def _aggregate(
    run: Run,
    model: Mapping[str, Any],
    identity: str,
    stamp: int,
    results: Sequence[Mapping[str, Any]],
    details: Mapping[str, Any],
) -> dict[str, Any]:
    left_out = len(run.rows) - sum(row.answer.status == "ok" for row in run.rows)
    return {
        "schema_version": VERSION,
        "evaluation_id": identity,
        "evaluation_timestamp": str(stamp),
        "retrieved_timestamp": str(stamp),
        "source_metadata": {
            "source_name": "foresee",
            "source_type": "evaluation_run",
            "source_organization_name": "not stated",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "foresee", "version": str(run.manifest.get("foresee", "not known"))},
        "model_info": dict(model),
        "evaluation_results": list(results),
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": details["file_path"],
            "hash_algorithm": "sha256",
            "checksum": details["checksum"],
            "total_rows": details["total_rows"],
            "additional_details": {
                "convention": "one line a row and measure; what has no verdict is left out, never scored",
                "rows_without_an_answer": str(left_out),
            },
        },
    }


def _result(run: Run, metric: Metric, estimate: Estimate, identity: str) -> dict[str, Any]:
    low, high = metric.bounds
    config: dict[str, Any] = {
        "evaluation_description": metric.doc,
        "metric_id": f"{run.benchmark}.{metric.name}",
        "metric_name": metric.name,
        "lower_is_better": metric.higher_is_better is False,
        "score_type": "continuous",
        "min_score": low,
        "max_score": high,
        "additional_details": {"better": {True: "higher", False: "lower", None: "neither"}[metric.higher_is_better]},
    }
    if judges := run.manifest.get("judge_models"):
        config["llm_scoring"] = {
            "judges": [{"model_info": _model(str(judge))} for judge in judges],
            "input_prompt": json.dumps(run.manifest.get("judges", []), ensure_ascii=False),
            **({"aggregation_method": "majority_vote"} if len(judges) > 1 else {}),
        }
    uncertainty: dict[str, Any] = {"num_samples": estimate.n}
    if estimate.low is not None and estimate.high is not None:
        interval = {"lower": estimate.low, "upper": estimate.high, "confidence_level": 0.95, "method": estimate.method}
        uncertainty["confidence_interval"] = interval
    facts = {
        "rows": estimate.total,
        "coverage": estimate.coverage,
        "clusters": estimate.clusters,
        "if_unscored_lowest": estimate.worst,
        "if_unscored_highest": estimate.best,
        "attack": run.attack,
        "defense": run.defense,
        "judges": ", ".join(str(each.get("judge")) for each in run.manifest.get("judges", ()) if "judge" in each),
        "published_rule": metric.published,
    }
    source = run.manifest.get("source") or {}
    place = {"source_type": "url", "url": [source["homepage"]]} if source.get("homepage") else {"source_type": "other"}
    return {
        "evaluation_result_id": f"{identity}/{metric.name}",
        "evaluation_name": run.benchmark,
        "source_data": {"dataset_name": run.benchmark, **place},
        "metric_config": config,
        "score_details": {"score": estimate.value, "details": _texts(facts), "uncertainty": uncertainty},
        "generation_config": _generation(run.manifest),
    }


def _generation(manifest: Mapping[str, Any]) -> dict[str, Any]:
    settings = manifest.get("generation") or {}
    known = {name: settings[name] for name in ("temperature", "top_p", "max_tokens") if settings.get(name) is not None}
    command = " ".join(map(str, manifest.get("command") or ()))
    facts = {"options": json.dumps(manifest.get("options", {})), "commit": manifest.get("commit")}
    return {
        "generation_args": {**known, **({"execution_command": command} if command else {})},
        "additional_details": _texts(facts),
    }


def _samples(
    run: Run, results: Mapping[str, tuple[Metric, Estimate]], identity: str, model: str
) -> Iterator[dict[str, Any]]:
    seen = Places()
    for metric, _ in results.values():
        measure, good = metric.measure, metric.bounds[0 if metric.higher_is_better is False else 1]
        for row in selected(run.rows, metric):
            key, value = (measure, row.item.id, row.answer.epoch), row.measures[measure]
            if value is not None and seen.add(key):
                yield {
                    "schema_version": VERSION,
                    "evaluation_id": identity,
                    "model_id": model,
                    "evaluation_name": run.benchmark,
                    "evaluation_result_id": f"{identity}/{metric.name}",
                    "sample_id": f"{row.item.id}#{row.answer.epoch}",
                    **_exchange(row),
                    "evaluation": {"score": value, "is_correct": value == good},
                    "metadata": _texts(
                        {
                            "measure": measure,
                            "item": row.item.id,
                            "subset": row.item.subset,
                            "scenario": row.item.scenario,
                            "cluster": row.item.cluster,
                            "images_sha256": ",".join(image.sha256 for image in row.item.images),
                            "attack": run.attack,
                            "defense": run.defense,
                        }
                    ),
                }


def _exchange(row: Row) -> dict[str, Any]:
    """Tell what was asked and answered; `input` is the original request, an attack's is not kept in a row."""
    item, answer = row.item, row.answer
    read = {name: verdict.value for name, verdict in row.verdicts.items() if verdict.value is not None}
    turn = 2 * len(answer.earlier) + 1
    found: dict[str, Any] = {
        "interaction_type": "multi_turn" if answer.earlier else "single_turn",
        "sample_hash": hashlib.sha256((item.prompt + item.expected).encode(errors="replace")).hexdigest(),
        "input": {"raw": item.prompt, "reference": [item.expected] if item.expected else []},
        "answer_attribution": [
            {
                "turn_idx": turn,
                "source": "messages[].content" if answer.earlier else "output.raw",
                "extracted_value": value if isinstance(value, str) else json.dumps(value),
                "extraction_method": f"judge {name}",
                "is_terminal": True,
            }
            for name, value in read.items()
        ],
        "token_usage": {
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "total_tokens": answer.usage.input_tokens + answer.usage.output_tokens,
        },
    }
    if not answer.earlier:
        return found | {"output": {"raw": [answer.text], **_reasoning(answer.reasoning)}}
    spoken = [(message.role, message.text) for message in item.conversation(answer.earlier)]
    turns = [*spoken, ("assistant", answer.text)]
    said = [{"turn_idx": place, "role": role, "content": text} for place, (role, text) in enumerate(turns)]
    return found | {"messages": said}


def _reasoning(text: str) -> dict[str, list[str]]:
    return {"reasoning_trace": [text]} if text else {}


def _model(name: str) -> dict[str, Any]:
    provider, _, rest = name.partition("/")
    identity = rest.strip("/") if provider in _WRAPPERS and rest.strip("/") else name
    deployed = "self_deployed" if provider in _OURS else "externally_managed" if provider in _THEIRS else "unknown"
    weights = {"organism": "open_weights"}.get(provider, "unknown")
    return {
        "name": name,
        "id": identity,
        "developer": identity.split("/")[0] if "/" in identity else provider,
        "additional_details": {"deployment_type": deployed, "model_availability": weights, "provider": provider},
    }


def _safe(part: str) -> str:
    return re.sub(r"[^\w.-]+", "_", part).strip(".") or "_"


def _texts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Write values as the texts that the format wants; what is None or empty is left out."""
    return {name: str(value) for name, value in facts.items() if value is not None and value != ""}
