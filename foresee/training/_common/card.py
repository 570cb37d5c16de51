"""Write the card of a trained model or adapter (README.md): its base and data, settings and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foresee import manifest
from foresee.training._common import metrics


def write(folder: Path, record: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Write the card of a finished training. Raises UserError: the disk refuses it."""
    manifest.write_atomically(folder / "README.md", render(record, defaults))


def render(record: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Render the card as Markdown, from the manifest's content; settings other than the defaults are marked."""
    base, data, config = record["base"], record["data"], record["config"]
    adapter = config["tune"] == "lora"
    used = f"local/{base['name']}:FOLDER" if adapter else "local/FOLDER"
    lines = [
        "---",
        *(["library_name: peft"] if adapter else ["library_name: transformers"]),
        f"tags: [foresee, {record['method']}]",
        "---",
        f"# {base['name']} after {record['method']}",
        "",
        f"{'An adapter' if adapter else 'A model'} trained by foresee. Use it as `--model {used}`.",
        "",
        f"- **Base**: {base['name']} (weights {base['weights']})",
        f"- **Data**: {data['folder']}, {data['rows_used']} rows{_left_out(data)}, "
        f"rows.jsonl SHA-256 {data['rows_sha256'][:16]}…",
        *([f"- **Replay**: {record['replay']['folder']}"] if record.get("replay") else []),
        *([_held_out(record["held_out"])] if record.get("held_out") else []),
        f"- **Trained**: {record['trainable_parameters']:,} of {record['parameters']:,} parameters, "
        f"{record['steps']} steps, {record['processes']} process(es) on {record['device']}",
        f"- **Kept**: {record['kept']}" + (f"; stopped because {record['stopped']}" if record["stopped"] else ""),
        "",
        "## Measured",
        "",
        *_measured(record["metrics_before"], record["metrics_after"]),
        "",
        "## Settings",
        "",
        "What differs from the defaults is in bold, with the default beside it.",
        "",
        "| setting | value | default |",
        "|---|---|---|",
        *_settings(config, dict(flat(defaults))),
        "",
    ]
    return "\n".join(lines)


def _held_out(held_out: Mapping[str, Any]) -> str:
    return f"- **Held out**: {held_out['rows_used']} rows of {held_out['folder']}, on which it was not trained"


def _left_out(data: Mapping[str, Any]) -> str:
    left = len(data.get("rows_left_out", ()))
    return f" ({left} left out: the manifest names them)" if left else ""


def _settings(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in flat(config):
        if key in defaults and defaults[key] == value:
            lines.append(f"| {_cell(key)} | {_cell(value)} | |")
        else:
            lines.append(f"| **{_cell(key)}** | **{_cell(value)}** | {_cell(defaults.get(key, ''))} |")
    return lines


def _measured(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    if not after:
        return ["Nothing was measured: the training had neither a probe nor held-out rows."]
    rows = [
        f"| {_cell(metrics.label(key))} | {_shown(before.get(key))} | {_shown(value)} |" for key, value in after.items()
    ]
    return ["Means over held-out rows.", "", "| | before | after |", "|---|---|---|", *rows]


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def flat(values: Mapping[str, Any], head: str = "") -> list[tuple[str, Any]]:
    """List nested settings as dotted keys and values."""
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        pairs += flat(value, f"{head}{key}.") if isinstance(value, Mapping) and value else [(f"{head}{key}", value)]
    return pairs


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
