"""How providers say that their filter withheld a question or an answer, and how that a generation broke off.

Everything known of it stands in this file: codes, words, finish reasons. A row is added here and to the table of
`tests/models/test_refusals.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from foresee.models._bodies import BROKEN_STREAM, dicts

_CODES = re.compile(
    r"content[_-]?(policy|filter|blocked|moderation|safety)"  # OpenAI, Azure, LiteLLM, Mistral
    r"|responsible_?ai"  # Azure's inner error
    r"|moderation(?!\w*(unavailable|error|timeout|fail))"
    r"|data_?inspection"  # Alibaba DashScope
    r"|prohibited_?content"  # Google
    r"|sensitive_?(content|words?)|risk_?detect"  # ByteDance Doubao
    r"|guardrail"  # LiteLLM, Databricks, Bedrock
    r"|safety_(check|block|violation)|censorship"  # xAI, StepFun
    r"|^(1301|1026|1027)$",  # Zhipu GLM; MiniMax: input, output
    re.I,
)
_WORDS = re.compile(
    r"content ((management|moderation|safety|usage) )?polic(y|ies)|contentpolicyviolation|content filter"
    r"|content moderation|safety (system|filters?|polic|check)|safety_check|usage (polic|guideline)"
    r"|(was|been) flagged|flagged (as|by|for)"
    r"|violat(es?|ed|ing|ion of) (our |the |its |\w+'s )?(\w+ ){0,2}(policy|policies|guidelines)"
    r"|violated guardrail|guardrail.{0,20}(policy|interven|block|trigger|violat)"
    r"|inappropriate content|harmful content|sensitive (words?|content)|content exists risk|considered high risk"
    r"|responsible ai|敏感|不安全|违规",
    re.I,
)
# With a 403 the same words may mean that the account is barred: only xAI's, which name the failed check of the content.
_FORBIDDEN_WORDS = re.compile(r"violates? (our |the )?usage guidelines|safety_check_type|violated guardrail", re.I)
_ECHO = re.compile(r"[\"']?\b(input_value|input|prompt)[\"']?\s*[:=]\s*[\"'].*", re.S)  # the question, quoted back
_WORDS_WITHIN = 1000  # characters of a message; what stands further behind is rather the question quoted back

_NESTED = ("innererror", "inner_error", "provider_specific_fields", "error", "details", "message", "metadata")
_CODE_FIELDS = ("code", "type", "reason", "status", "error_code")

_WITHHELD_ENDS = re.compile(
    r"content_?filter|safety|image_safety|recitation|image_recitation|blocklist|(image_)?prohibited_content|spii"
    r"|refusal|sensitive|error_toxic|guardrail|(input|output)_guardrail|model_armor|blocked|moderation",
)
_BROKEN_ENDS = re.compile(
    r"error|abort|(user_)?cancel|(network|connection|server|internal)_?error|fail(ed|ure)|timeout|interrupted"
    rf"|insufficient_system_resource|{BROKEN_STREAM}"
)
_ENDS = {
    **dict.fromkeys(("", "stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"), "stop"),
    **dict.fromkeys(
        ("length", "max_tokens", "max_length", "max_output_tokens", "model_length", "token_limit"), "length"
    ),
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "function_call": "function_call",
    "tool_use": "tool_use",
}


def refusal_code(status: int, error: Mapping[str, Any], message: str) -> str | None:
    """Return what names the refusal, if an error means that the provider's filter stopped the call; else None.

    Args:
        status: of HTTP, or the one that the error itself names.
        error: the error in the body.
        message: its text.
    """
    if status == 429:
        return None
    code = next((code for code in _codes(error) if _CODES.search(code)), None)
    if code is not None:
        return code
    metadata = error.get("metadata")  # of OpenRouter
    if isinstance(metadata, dict) and ("flagged_input" in metadata or "reasons" in metadata):
        return "content_filter"
    if status == 451:  # unavailable for legal reasons
        return "content_filter"
    words = _FORBIDDEN_WORDS if status == 403 else _WORDS if status in (200, 400, 422) else None
    refused = words is not None and words.search(_ECHO.sub("", message[:_WORDS_WITHIN]))
    return "content_filter" if refused else None


def withheld_prompt(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the refusal that a response without an answer states beside it, in the form of an error; {} if none."""
    feedback = content.get("promptFeedback") or content.get("prompt_feedback")  # Google
    if isinstance(feedback, dict) and (reason := feedback.get("blockReason") or feedback.get("block_reason")):
        return {"code": "content_filter", "message": f"the prompt was blocked: {reason}"}
    for entry in dicts(content.get("prompt_filter_results")):  # Azure
        results = entry.get("content_filter_results")
        kinds = results.items() if isinstance(results, dict) else ()
        named = [kind for kind, result in kinds if isinstance(result, dict) and result.get("filtered")]
        if named:
            return {"code": "content_filter", "message": f"the prompt was filtered: {', '.join(named)}"}
    return {}


def finish(reason: Any) -> str:
    """Return a finish reason in our words: stop, length, or the server's own in small letters."""
    if isinstance(reason, dict):
        reason = reason.get("type") or reason.get("reason")
    name = reason.strip().lower().replace("-", "_") if isinstance(reason, str) else ""
    return _ENDS.get(name, name)


def withheld(end: str) -> bool:
    """Whether an answer that ended so was stopped by the provider's filter."""
    return _WITHHELD_ENDS.match(end) is not None


def broke_off(end: str) -> bool:
    """Whether a generation that ended so is no answer, and may come whole the next time."""
    return _BROKEN_ENDS.match(end) is not None


def known_end(end: str) -> bool:
    """Whether an answer that ended so may well be empty."""
    return end in _ENDS.values()


def _codes(error: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    yield from (str(error[name]) for name in _CODE_FIELDS if isinstance(error.get(name), str | int))
    if depth < 4:
        for name in _NESTED:
            inner = error.get(name)
            for each in [inner] if isinstance(inner, dict) else dicts(inner):
                yield from _codes(each, depth + 1)
