"""Prompts kept on disk: which are, which are used, and how much stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from starling_local.engine.context import Context
from starling_local.engine.model import Model
from starling_local.scripting.prefix_cache import FEWEST_TOKENS, PrefixCache
from starling_local.settings import ContextSettings


@pytest.fixture
def context(nano_file: Path) -> Iterator[Context]:
    with Model(nano_file) as model, Context(model, ContextSettings(1024, threads=1)) as made:
        yield made


def use(folder: Path, context: Context, prompt: list[int], limit_bytes: int = 2**30) -> int:
    """What one process does with a prompt; returns how many tokens it had to decode."""
    context.keep(0)
    cache = PrefixCache(folder, limit_bytes)
    cache.fill(context, prompt)
    decoded = context.prefill(prompt)
    context.decode_next(9)
    cache.keep(context, prompt)
    return decoded


def test_the_longest_common_beginning_is_used(context: Context, tmp_path: Path) -> None:
    start, other = [1, *[300] * 200], [1, *[400] * 200]
    assert use(tmp_path, context, [*start, 5, 6]) == 203
    assert use(tmp_path, context, [*other, 5, 6]) == 203
    assert use(tmp_path, context, [*start, 7, 8]) == 2
    assert use(tmp_path, context, [*other[:150], 9]) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_conversation_that_grows_has_one_file(context: Context, tmp_path: Path) -> None:
    prompt = [1, *[300] * 100]
    for _ in range(4):
        use(tmp_path, context, prompt)
        prompt += [350 + len(prompt)] * FEWEST_TOKENS
    assert len(list(tmp_path.iterdir())) == 1
    assert use(tmp_path, context, prompt) == FEWEST_TOKENS


def test_a_long_end_after_a_short_beginning_is_kept(context: Context, tmp_path: Path) -> None:
    """A system text that all have, and a document that is asked about more than once."""
    start = [1, *[300] * 80]
    first, second = [*start, *[400] * 300], [*start, *[500] * 300]
    assert use(tmp_path, context, [*first, 5]) == 382
    assert use(tmp_path, context, [*second, 5]) == 301
    assert use(tmp_path, context, [*second, 6]) == 1


def test_the_folder_keeps_to_its_limit(context: Context, tmp_path: Path) -> None:
    prompts = [[1, *[token] * 100] for token in range(300, 306)]
    use(tmp_path, context, prompts[0])
    size = next(tmp_path.iterdir()).stat().st_size
    for age, prompt in enumerate(prompts):
        use(tmp_path, context, prompt, 3 * size + 100)
        for path in tmp_path.iterdir():
            if path.stat().st_mtime > 10**6:
                os.utime(path, (age, age))
    assert len(list(tmp_path.iterdir())) == 3
    assert use(tmp_path, context, prompts[-1]) == 1
    assert use(tmp_path, context, prompts[0]) == 101
    # One that is larger than the limit stays until the next.
    use(tmp_path, context, [1, *[310] * 500], 100)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_does_not_fit_the_context_is_passed_over(
    nano_file: Path, context: Context, tmp_path: Path
) -> None:
    use(tmp_path, context, [1, *[300] * 600])
    with Model(nano_file) as model, Context(model, ContextSettings(512, threads=1)) as small:
        assert use(tmp_path, small, [1, *[300] * 100]) == 101


def test_files_that_are_none(context: Context, tmp_path: Path) -> None:
    prompt = [1, *[300] * 100]
    use(tmp_path, context, prompt)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", b"x" * 100, whole[:60], whole[:200], whole[:-1], whole + b"x"):
        path.write_bytes(damaged)
        assert use(tmp_path, context, prompt) == 101
        assert use(tmp_path, context, prompt) == 1
