"""Which stored texts are error messages: wholly such a message, never an answer about one."""

from __future__ import annotations

import pytest

from foresee.judges import refusal
from foresee.models.error_texts import is_error

_ERRORS = [
    "Error code: 429 - Rate limit reached",
    "Error code: 429 - {'error': {'message': 'x'}}",
    "openai.RateLimitError: Rate limit reached for gpt-4o",
    "HTTP 500 Internal Server Error",
    "HTTP 500: oops",
    "HTTP 429",
    "500 Internal Server Error",
    "Request timed out.",
    "Connection error.",
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "CUDA out of memory.",
    "Traceback (most recent call last):",
    'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n    x()\nValueError: no',
    "API_ERROR",
    "$ERROR$",
    '{"error": {"message": "Rate limit", "type": "requests", "code": 429}}',
    "torch.cuda.OutOfMemoryError: CUDA out of memory.",
    "torch.OutOfMemoryError",
    "APIConnectionError('Connection error.')",
    "google.api_core.exceptions.ResourceExhausted: 429 Quota",
    "[ERROR]",
    "ERROR",
    "Failed to obtain answer via API.",
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='a')",
    "API error",
    "Rate limit exceeded",
    "RateLimitError: slow",
    "httpx.ReadTimeout",
    "<html><head><title>502 Bad Gateway</title></head><body></body></html>",
    "Bad Gateway",
    "An error occurred.",
    "Client error '429 Too Many Requests' for url 'https://x'",
    "Error: Request timed out.",
    '{"error": "Rate limit exceeded"}',
]
_ANSWERS = [
    "google.com",
    "torch.nn.Linear(3, 4)",
    "json.loads(x)",
    "Error",
    "Failed",
    "forbidden",
    "Not found",
    "Timeout",
    "The HTTP 500 error means that the server failed.",
    "HTTP 500 means that the server failed.",
    "Error code: 429 means too many requests.",
    "Traceback (most recent call last):\n  File 'a'\nValueError: no\n\nThis traceback says that a value is wrong.",
    "A connection error.",
    "Connection error messages are shown when the cable is out.",
    '{"error": "I cannot help with that."}',
    '{"answer": "yes", "error": {"message":"x"}}',
    "None",
    "An error message",
    "I got 'CUDA out of memory.' once; lower the batch size.",
    "CUDA is a platform.",
    "TypeError: you add a text and a number.",
    "No.",
    "Request timed out? Try again with a longer limit.",
    "Connection errors happen.",
]


@pytest.mark.parametrize("text", _ERRORS)
def test_an_error_message_is_no_answer(text: str) -> None:
    assert is_error(text)
    assert is_error(f"  {text}\n")
    assert refusal.verdict(text) is None


@pytest.mark.parametrize("text", _ANSWERS)
def test_an_answer_about_errors_is_an_answer(text: str) -> None:
    assert not is_error(text)
