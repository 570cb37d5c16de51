"""`foresee push` to a server on this machine that answers as the hub does: what arrives, and what stays here."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from foresee import manifest
from tests.cli.conftest import Cli

pytest.importorskip("huggingface_hub")
TOKEN = "hf_" + "x" * 20


class Hub(ThreadingHTTPServer):
    """What was asked of it; files by repository and name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.made: list[dict[str, Any]] = []
        self.files: dict[str, dict[str, bytes]] = {}
        self.status = 200

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """POST /api/repos/create, …/preupload/main and …/commit/main; see huggingface_hub's HfApi.create_commit."""

    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.partition("?")[0]
        if self.headers["Authorization"] != f"Bearer {TOKEN}" or self.server.status != 200:
            self._answer({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            self.server.made.append(json.loads(body))
            kind = "datasets/" if json.loads(body).get("type") == "dataset" else ""
            self._answer({"url": f"{self.server.address}/{kind}us/thing", "id": "us/thing"})
        elif path == "/api/validate-yaml":  # of the card
            self._answer({"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            names = [each["path"] for each in json.loads(body)["files"]]
            self._answer({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
        else:
            lines = [json.loads(line) for line in body.splitlines()]
            held = self.server.files.setdefault(path.removeprefix("/api/").removesuffix("/commit/main"), {})
            held.update(
                {v["value"]["path"]: base64.b64decode(v["value"]["content"]) for v in lines if v["key"] == "file"}
            )
            self._answer({"commitUrl": f"{self.server.address}/us/thing/commit/abc", "commitOid": "abc"})

    def do_GET(self) -> None:
        self._answer({"id": "us/thing", "sha": "abc", "siblings": []}, 404 if "resolve" in self.path else 200)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server
        server.shutdown()


def adapter(folder: Path) -> Path:
    folder.mkdir()
    for name in ("adapter_model.safetensors", "teacher.safetensors", "adapter_config.json", "optimizer.pt"):
        (folder / name).write_bytes(b"{}")
    told = {"base_model_name_or_path": "/home/somebody/tiny-base", "r": 8, "auto_mapping": {"base_model_class": "Q"}}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    (folder / "README.md").write_text("Data: /home/somebody/secret/rows.jsonl")
    record = {"method": "sft", "config": {"data": "/home/somebody/secret"}, "base": {}, "data": {"rows": 3}}
    manifest.write(folder, "training", {**record, "command": ["foresee", "train", "/home/somebody/secret/x.toml"]})
    return folder


def test_an_adapter_arrives_without_state_paths_or_token(cli: Cli, hub: Hub, tmp_path: Path) -> None:
    folder = adapter(tmp_path / "trained")
    shown = cli("push", folder, "us/thing", "--dry-run")
    assert (shown.code, hub.made) == (0, [])
    assert "adapter_model.safetensors" in shown.out
    done = cli("push", folder, "us/thing")
    assert done.code == 0, done.err
    assert f"pushed: {hub.address}/us/thing/commit/abc" in done.err
    (made,) = hub.made
    assert made["visibility"] == "private"
    files = hub.files["models/us/thing"]
    assert set(files) == {"adapter_model.safetensors", "adapter_config.json", "README.md", "manifest.json"}
    arrived = b"".join(files.values())
    assert b"somebody" not in arrived
    assert TOKEN.encode() not in arrived
    settings = json.loads(files["adapter_config.json"])
    assert settings["base_model_name_or_path"] == "tiny-base"
    assert settings["r"] == 8
    back = tmp_path / "back"
    back.mkdir()
    (back / "manifest.json").write_bytes(files["manifest.json"])
    assert manifest.check(manifest.read(back, "training")) == "ok"
    assert TOKEN not in done.out + done.err


def test_a_data_set_arrives_with_its_images_and_other_folders_are_refused(cli: Cli, hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "built"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.png").write_bytes(b"png")
    (folder / "rows.jsonl").write_text("{}\n")
    (folder / "calls.jsonl").write_text("{}\n")
    manifest.write(folder, "data set", {})
    assert cli("push", folder, "us/thing", "--public").code == 0
    assert hub.made[0]["type"] == "dataset"
    assert hub.made[0].get("visibility") != "private"
    assert set(hub.files["datasets/us/thing"]) == {"rows.jsonl", "images/a.png", "manifest.json"}
    manifest.write(tmp_path / "run", "evaluation", {"benchmark": "figstep", "model": "m"})
    for words, told in (
        (("push", tmp_path / "run", "us/thing"), "export --format hf"),
        (("push", folder, "thing"), "expected OWNER/NAME"),
        (("push", tmp_path / "nowhere", "us/thing"), "is not a folder that foresee wrote"),
    ):
        refused = cli(*words)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert told in refused.err
    hub.status = 401
    refused = cli("push", folder, "us/thing")
    assert refused.code == 2
    assert "the hub did not take us/thing" in refused.err
