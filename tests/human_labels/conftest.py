"""Fixtures of the command line and of judge servers."""

from tests.cli.conftest import cli
from tests.judges.conftest import judge_server, toy

__all__ = ["cli", "judge_server", "toy"]
