"""Every test runs offline (sockets to loopback only), seeded, and away from the user's own cache and keys."""

from __future__ import annotations

import gc
import os
import random
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # spinning threads cost more than they bring on shared cores
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

settings.register_profile("shared cores", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared cores")
_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
if "FORESEE_DATA" not in os.environ and _SHARED.is_dir():
    os.environ["FORESEE_DATA"] = str(_SHARED)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--count-kills", type=int, default=1, help="how many seeded runs the tests of killed runs kill")
    parser.addoption("--chaos-seeds", type=int, default=3, help="with how many seeds the commands are disturbed")
    parser.addoption("--long-share", type=float, default=0.0, help="how much of the long runs; 1 is half an hour")


_known_modules = 0


def pytest_runtest_setup() -> None:
    """Spare what was imported from being looked through by each collection: trainers and closed models ask for many."""
    global _known_modules
    if len(sys.modules) > _known_modules + 300:
        gc.collect()
        gc.freeze()
        _known_modules = len(sys.modules)


_KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")


@pytest.fixture(autouse=True)
def _sealed(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for key in _KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.delenv("FORESEE_PLUGINS", raising=False)
    monkeypatch.setenv("FORESEE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))
    random.seed(0)


def _guarded(connect: Any) -> Any:
    def loopback_only(self: socket.socket, address: Any) -> Any:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and not (host in ("localhost", "::1", "0.0.0.0") or str(host).startswith("127.")):
            raise AssertionError(f"a test tried to reach {address}: tests stay on this machine")
        return connect(self, address)

    return loopback_only


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with the published benchmark files, one sub-folder a benchmark."""
    root = os.environ.get("FORESEE_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("needs the published benchmark files: set FORESEE_DATA to their folder")
    return Path(root)


@pytest.fixture(scope="session")
def cases_root(data_root: Path) -> Path:
    """The folder with sentences of others for the rule judges, beside the benchmark files; never in the repository."""
    root = data_root.parent / "cases"
    if not root.is_dir():
        pytest.skip("needs the folder 'cases' beside the benchmark files")
    return root
