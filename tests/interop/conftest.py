"""The small copy of published data and the rule-driven servers of the other tests."""

from tests.cli.conftest import cli, mmsa, server
from tests.judges.conftest import judge_server, toy

__all__ = ["cli", "judge_server", "mmsa", "server", "toy"]
