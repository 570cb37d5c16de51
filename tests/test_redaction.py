"""One redactor for messages, manifests, journals and pages: every kind of key, by name, by look and by place."""

from __future__ import annotations

import json

import pytest

from foresee.files.redaction import is_secret, looks_like_key, shown, without_secrets

KEYS = [
    "sk-abcdefghijklmnop1234", "sk_abcdefghijklmnop1234", "sk-proj-Ab3_x-9Zzzzzzzzz", "sk-ant-api03-AAAAbbbb1111",
    "sk-or-v1-0123456789abcdef", "gsk_abcdefghijklmnop1234", "xai-abcdefghijklmnop1234", "pk-0123456789abcdef",
    "hf_ABCDEFGHIJKLMNOPQRST", "ghp_abcdefghijklmnopqrst123", "gho_abcdefghijklmnopqrst123",
    "github_pat_11ABCDEFG0abcdefghij", "glpat-abcdefghij0123456789", "AIzaSyA-abcdefghijklmnop_qrstuv",
    "ya29.a0AfH6SMabcdefgh", "xoxb-123456789012-abcdefghij", "AKIAIOSFODNN7EXAMPLE", "nvapi-abcdefghijklmnop12",
    "pplx-abcdefghijklmnop1234", "r8_abcdefghijklmnopqrst", "dapi0123456789abcdef0123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN", "Bearer abcdefghijkl", "Basic dXNlcjpwYXNzd29yZA==",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_known_by_its_look_everywhere(key: str) -> None:
    for text in (key, f"you sent {key}!", f"[{key}]", f"https://h/{key}/x"):
        assert key not in shown(text)
        assert key not in without_secrets(text)
        assert key not in json.dumps(without_secrets({"note": [{"deep": text}]}))
    assert looks_like_key(key)


@pytest.mark.parametrize(
    "name",
    ["auth", "token", "secret", "password", "passwd", "key", "authorization", "credential", "credentials", "api_key",
     "api-key", "apiKey", "API_KEY", "x-api-key", "access_token", "hf_token", "HF_TOKEN", "client_secret",
     "db_password", "Proxy-Authorization", "openai_key", "extra_body.provider.auth", "sig", "bearer"],
)  # fmt: skip
def test_a_key_is_known_by_its_name_everywhere(name: str) -> None:
    assert is_secret(name)
    nested = without_secrets({"extra_body": {"provider": [{name: "hunter2"}]}})
    assert "hunter2" not in json.dumps(nested)
    for text in (
        f"{name}=hunter2", f"-M {name}=hunter2", f"extra_body={{provider={{{name}='hunter2'}}}}",
        f'{{"{name}": "hunter2"}}', f"{{'{name}': 'hunter2'}}", f"https://h/v1?a=1&{name}=hunter2&b=2",
        f"https://h/v1#{name}=hunter2", f"{name}: hunter2hunter2",
        f'{name}="two hunter2 words"',
    ):  # fmt: skip
        assert "hunter2" not in shown(text)
        assert "hunter2" not in without_secrets(text)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "input_tokens", "token_weight", "max_tokens_field", "image_token", "pad_token", "author", "keyed",
     "answer_key", "monkey", "items_sha256", "authors", "secretary", "api_key_env", "key_header"],
)  # fmt: skip
def test_names_that_only_resemble_are_kept(name: str) -> None:
    assert without_secrets({name: "value"}) == {name: "value"}
    assert shown(f"{name}=value") == f"{name}=value"


def test_users_and_passwords_of_addresses_are_left_out() -> None:
    assert shown("ftp://x:hunter2@h/") == "ftp://h/"
    assert without_secrets("https://me:pw@host/v1") == "https://host/v1"
    assert without_secrets("https://token@host/v1") == "https://host/v1"
    assert "0123456789abcdef" not in shown("http://h/v1#0123456789abcdef01")
    assert shown("see https://h/docs#the-second-part") == "see https://h/docs#the-second-part"


def test_options_of_a_command_line_are_hidden_one_by_one() -> None:
    found = without_secrets(
        ["foresee", "--hf-token", "hunter2", "--token=hunter2", "-M", "key=hunter2", "--out", "run"]
    )
    assert found == [
        "foresee",
        "--hf-token",
        "(not shown)",
        "--token=(not shown)",
        "-M",
        "key=(not shown)",
        "--out",
        "run",
    ]
    assert shown("foresee --password hunter2 --out run") == "foresee --password *** --out run"


def test_numbers_sentences_and_names_of_models_are_kept() -> None:
    kept = [
        "The key: read the sign, then answer.", "a secret recipe", "hf-internal-testing/tiny-random-Llama",
        "Qwen/Qwen2.5-VL-7B-Instruct", "the authorization token was not sent", "sk-learn", "risk-free", "Basic English",
    ]  # fmt: skip
    for text in kept:
        assert without_secrets(text) == text
    record = {"key": None, "token": 7, "password": "", "max_tokens": 5, "secret": False}
    assert without_secrets(record) == record


def test_the_key_in_use_is_hidden_whatever_it_looks_like_and_control_characters_are_blanks() -> None:
    assert shown("it was plainwords here", "plainwords") == "it was *** here"
    assert shown("short EMPTY stays", "EMPTY") == "short EMPTY stays"
    assert shown("\x1b[31mred\u202e\n") == " [31mred  "
