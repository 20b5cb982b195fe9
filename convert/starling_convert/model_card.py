"""The front matter of a checkpoint's README.md: licence, languages, base model and the like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starling_convert.files import is_there, read_text
from starling_local.errors import BadFileError

# Real ones have a few thousand.
MAX_CHARACTERS = 100_000

# Fields that may be lists of texts; every other field must be one text to be taken.
_LISTS = frozenset(
    """
    base_model base_models base_model_sources dataset datasets dataset_sources language languages
    pipeline_tag tags
    """.split()
)


def read_model_card(folder: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The card's fields that are texts or lists of texts, and a note if it cannot be read.

    A card is not needed to convert a model, so a bad one is left out and not an error.
    """
    path = folder / "README.md"
    try:
        lines = read_text(path).splitlines() if is_there(path) else []
        if not lines or lines[0] != "---" or "---" not in lines[1:]:
            return {}, ()
        text = "\n".join(lines[1 : lines.index("---", 1)]) + "\n"
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"it has more than {MAX_CHARACTERS} characters")
        fields = _parse(text)
    except (BadFileError, ValueError) as error:
        return {}, (f"the front matter of README.md is left out: {error}",)
    return {key: value for key, value in fields.items() if _is_wanted(key, value)}, ()


def _parse(text: str) -> dict[str, Any]:
    """YAML to a dictionary; ValueError for whatever is wrong with it."""
    import yaml

    # As gguf's Metadata.load_model_card: Norway's code is no boolean, and tabs are spaces.
    text = text.replace("- no\n", '- "no"\n').replace("\t", "  ")
    try:
        # A dozen lines of aliases can stand for gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ValueError("it uses YAML aliases")
        fields = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is not readable YAML ({str(error).splitlines()[0]})") from error
    return fields if isinstance(fields, dict) else {}


def _is_wanted(key: Any, value: Any) -> bool:
    if isinstance(value, list):
        return key in _LISTS and all(isinstance(item, str) for item in value)
    return isinstance(key, str) and isinstance(value, str)
