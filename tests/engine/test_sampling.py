"""Choosing tokens: llama.cpp's own chains built by hand, grammars, and how likely tokens were."""

from __future__ import annotations

import ctypes
import math
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import pytest
from numpy.typing import NDArray

from starling_local.engine.context import Context
from starling_local.engine.generation import FinishReason, LastChunk, generate
from starling_local.engine.logprobs import token_logprob
from starling_local.engine.model import Model
from starling_local.engine.sampling import Sampler
from starling_local.errors import UsageError
from starling_local.prompt import Condition, Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, Limits, Sampling

SETTINGS = ContextSettings(context=256, threads=1)
SIZE = SETTINGS.context
QUESTION = "Tell me a story about a fox named Linnea."
SEED = 7
HOT = Sampling(temperature=1.5, seed=SEED)
HOTTEST = replace(HOT, temperature=3.0, top_k=0, top_p=1, min_p=0)


@pytest.fixture(scope="module")
def model(nano_file: Path) -> Iterator[Model]:
    with Model(nano_file) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def context(model: Model) -> Iterator[Context]:
    with Context(model, SETTINGS) as made:
        yield made


def prompt(model: Model, question: str = QUESTION) -> list[int]:
    return encode(prompt_segments([Message(Role.USER, question)], Condition.CHAT), model.vocabulary)


def answer(
    context: Context, sampling: Sampling, question: str = QUESTION, most: int = 40
) -> tuple[str, list[int], LastChunk]:
    """Text, tokens, and the end."""
    limits = Limits(max_tokens=most)
    chunks = list(generate(context, prompt(context.model, question), sampling, limits))
    assert isinstance(chunks[-1], LastChunk)
    tokens = [token for chunk in chunks for token in chunk.tokens]
    return "".join(chunk.text for chunk in chunks), tokens, chunks[-1]


# llama.cpp used plainly: decode, and choose by hand.

Choose = Callable[[Any], int]
"""Of a context, by the last row of its logits."""
Logits = NDArray[np.float32]


def plain_tokens(model: Model, choose: Choose, most: int = 40) -> tuple[list[int], list[Logits]]:
    """What a plain loop generates, and the logits for each token."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = SIZE
    params.n_threads = params.n_threads_batch = 1
    context = llama_cpp.llama_init_from_model(model.handle, params)
    pending = prompt(model)
    tokens: list[int] = []
    logits: list[Logits] = []
    while len(tokens) < most:
        ids = (llama_cpp.llama_token * len(pending))(*pending)
        assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(ids, len(ids))) == 0
        token = choose(context)
        if llama_cpp.llama_vocab_is_eog(model.vocabulary.handle, token):
            break
        row = llama_cpp.llama_get_logits_ith(context, -1)
        logits.append(np.ctypeslib.as_array(row, (model.vocabulary.size,)).copy())
        tokens.append(token)
        pending = [token]
    llama_cpp.llama_free(context)
    return tokens, logits


def chain_of(*samplers: Any) -> Any:
    params = llama_cpp.llama_sampler_chain_default_params()
    chain = llama_cpp.llama_sampler_chain_init(params)
    for sampler in samplers:
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def accept_prompt(model: Model, chain: Any) -> None:
    for token in prompt(model):
        llama_cpp.llama_sampler_accept(chain, token)


def top_k(count: int = 40) -> Any:
    return llama_cpp.llama_sampler_init_top_k(count)


def top_p() -> Any:
    return llama_cpp.llama_sampler_init_top_p(0.95, 0)


def min_p() -> Any:
    return llama_cpp.llama_sampler_init_min_p(0.05, 0)


def temperature(value: float = 1.5, spread: float = 0.0, power: float = 1.0) -> Any:
    return llama_cpp.llama_sampler_init_temp_ext(value, spread, power)


def dist() -> Any:
    return llama_cpp.llama_sampler_init_dist(SEED)


def penalties(model: Model, last: int, *strengths: float) -> Any:
    return llama_cpp.llama_sampler_init_penalties(model.vocabulary.size, last, *strengths)


def dry(model: Model, multiplier: float, last: int) -> Any:
    breakers = (ctypes.c_char_p * 4)(b"\n", b":", b'"', b"*")
    vocabulary = model.vocabulary.handle
    return llama_cpp.llama_sampler_init_dry(vocabulary, multiplier, 1.75, 2, last, breakers, 4)


def bias(model: Model, token: int, value: float) -> Any:
    entry = (llama_cpp.llama_logit_bias * 1)((token, value))
    return llama_cpp.llama_sampler_init_logit_bias(model.vocabulary.size, 1, entry)


def mirostat(model: Model) -> Any:
    return llama_cpp.llama_sampler_init_mirostat(model.vocabulary.size, SEED, 5.0, 0.1, 100)


GREEDY = Sampling(seed=SEED)
# Settings, and the chain that llama.cpp's common_sampler_init makes of them, but for samplers that
# do nothing. What follows `temperature` at 0 is left out too: one token is left.
CHAINS: dict[str, tuple[Sampling, Callable[[Model], list[Any]]]] = {
    "hot": (HOT, lambda _: [top_k(), top_p(), min_p(), temperature(), dist()]),
    "everything": (
        replace(
            HOT, logit_bias={300: 2.5}, repeat_penalty=1.1, frequency_penalty=0.1,
            presence_penalty=0.2, dry_multiplier=0.8, top_n_sigma=2.0, typical=0.9,
            xtc_probability=0.5, dynatemp_range=0.5, dynatemp_exponent=1.2,
        ),
        lambda model: [
            bias(model, 300, 2.5), penalties(model, 64, 1.1, 0.1, 0.2), dry(model, 0.8, 64),
            llama_cpp.llama_sampler_init_top_n_sigma(2.0), top_k(),
            llama_cpp.llama_sampler_init_typical(0.9, 0), top_p(), min_p(),
            llama_cpp.llama_sampler_init_xtc(0.5, 0.1, 0, SEED), temperature(1.5, 0.5, 1.2), dist(),
        ],
    ),
    "nothing is cut": (HOTTEST, lambda _: [temperature(3.0), dist()]),
    "mirostat": (
        replace(HOT, mirostat=1, repeat_penalty=5.0),
        lambda model: [llama_cpp.llama_sampler_init_temp(1.5), mirostat(model)],
    ),
    "mirostat 2": (
        replace(HOT, mirostat=2),
        lambda _: [
            llama_cpp.llama_sampler_init_temp(1.5),
            llama_cpp.llama_sampler_init_mirostat_v2(SEED, 5.0, 0.1),
        ],
    ),
    "greedy": (GREEDY, lambda _: [top_k(1), dist()]),
    "greedy, penalties": (
        replace(GREEDY, repeat_penalty=1.8, repeat_last=20),
        lambda model: [penalties(model, 20, 1.8, 0, 0), top_k(), temperature(0), dist()],
    ),
    "greedy, DRY over the whole context": (
        replace(GREEDY, dry_multiplier=3.0, dry_last=-1),
        lambda model: [dry(model, 3.0, SIZE), top_k(), temperature(0), dist()],
    ),
    "greedy, mirostat": (replace(GREEDY, mirostat=1), lambda _: [top_k(1), dist()]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_the_tokens_are_those_of_llama_cpps_chain(
    model: Model, context: Context, name: str
) -> None:
    sampling, build = CHAINS[name]
    chain = chain_of(*build(model))
    accept_prompt(model, chain)
    expected, _ = plain_tokens(model, lambda row: llama_cpp.llama_sampler_sample(chain, row, -1))
    llama_cpp.llama_sampler_free(chain)
    _, tokens, _ = answer(context, sampling)
    assert tokens == expected


def test_penalties_count_the_prompt_at_temperature_0(model: Model, context: Context) -> None:
    _, free, _ = answer(context, GREEDY)
    _, tokens, _ = answer(context, replace(GREEDY, presence_penalty=100.0, repeat_last=-1))
    assert set(free) & set(prompt(model))
    assert len(free) > len(set(free))
    assert not set(tokens) & set(prompt(model))
    assert len(tokens) == len(set(tokens))


def test_banned_tokens(context: Context) -> None:
    _, [first, *_], _ = answer(context, GREEDY, most=1)
    _, [other, *_], _ = answer(context, replace(GREEDY, logit_bias={first: -math.inf}), most=1)
    assert first != other


@pytest.mark.parametrize(
    ("sampling", "named"),
    [
        (Sampling(repeat_penalty=0.0), "repeat_penalty"),
        (Sampling(temperature=math.nan), "temperature"),
        (Sampling(top_p=1e39), "top_p"),
        (Sampling(presence_penalty=-math.inf), "presence_penalty"),
        (Sampling(mirostat=3), "mirostat"),
        (Sampling(top_k=2**31), "top_k"),
        (Sampling(seed=-1), "seed"),
        (Sampling(seed=2**32 - 1), "seed"),
        (Sampling(logit_bias={-1: 0.0}), "logit_bias"),
        (Sampling(logit_bias={10**6: 0.0}), "logit_bias"),
        (Sampling(logit_bias={5: math.inf}), "logit_bias"),
        (Sampling(logit_bias={5: math.nan}), "logit_bias"),
    ],
)
def test_impossible_settings(context: Context, sampling: Sampling, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        answer(context, sampling)


def test_a_stop_string_in_the_middle_of_a_token(context: Context) -> None:
    """What stands before it is part of the answer."""
    ids = prompt(context.model, "Hello, how are you?")
    *_, last = chunks = list(generate(context, ids, limits=Limits(stop=("el",))))
    assert isinstance(last, LastChunk)
    assert ("".join(chunk.text for chunk in chunks), last.stopped_by) == ("H", "el")


# Grammars


class PlainGrammar:
    """`common_sampler_sample` and `common_sampler_accept`, in their own words."""

    def __init__(self, model: Model, grammar: str, chain: Any) -> None:
        self._size = model.vocabulary.size
        self._chain = chain
        self._grammar = llama_cpp.llama_sampler_init_grammar(
            model.vocabulary.handle, grammar.encode(), b"root"
        )

    def __call__(self, context: Any) -> int:
        row = llama_cpp.llama_get_logits_ith(context, -1)
        entries = [(token, row[token], 0.0) for token in range(self._size)]
        token = self._applied(entries, self._chain)
        single = (llama_cpp.llama_token_data * 1)((token, 1.0, 0.0))
        one = llama_cpp.llama_token_data_array(single, 1, -1, False)
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(one))
        if single[0].logit == -math.inf:
            token = self._applied(entries, self._grammar, self._chain)
        llama_cpp.llama_sampler_accept(self._grammar, token)
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def _applied(self, entries: Sequence[tuple[int, float, float]], *samplers: Any) -> int:
        data = (llama_cpp.llama_token_data * self._size)(*entries)
        candidates = llama_cpp.llama_token_data_array(data, self._size, -1, False)
        for sampler in samplers:
            llama_cpp.llama_sampler_apply(sampler, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._grammar)
        llama_cpp.llama_sampler_free(self._chain)


@pytest.mark.parametrize(
    "grammar", ['root ::= ([a-z ]{3,9} [.!?])+ "\\n"', 'root ::= " "? ("yes" | "no" | [0-9]{3})']
)
def test_a_grammar_is_used_as_llama_cpps_tools_do(
    model: Model, context: Context, grammar: str
) -> None:
    chain = chain_of(
        penalties(model, 64, 1.3, 0, 0), top_k(), top_p(), min_p(), temperature(), dist()
    )
    accept_prompt(model, chain)
    plain = PlainGrammar(model, grammar, chain)
    expected, _ = plain_tokens(model, plain)
    plain.close()
    _, tokens, _ = answer(context, replace(HOT, repeat_penalty=1.3, grammar=grammar))
    assert tokens == expected


DEAD_END = 'root ::= "yes" "\\x00"'  # no token has this character


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(typical=0.5),
        HOT,
        replace(HOTTEST, top_n_sigma=1.0, typical=0.5, dynatemp_range=0.5),
        replace(HOT, xtc_probability=1.0, xtc_threshold=0.0),
        replace(HOT, repeat_penalty=1.3, dry_multiplier=0.8),
        replace(HOT, mirostat=1),
        replace(HOT, mirostat=2),
    ],
)
def test_an_answer_ends_where_the_grammar_leaves_no_token(
    context: Context, sampling: Sampling
) -> None:
    text, _, last = answer(context, replace(sampling, grammar=DEAD_END))
    # With an XTC that may take all that is allowed, it ends even earlier.
    assert text == "yes" or (sampling.xtc_threshold == 0 and "yes".startswith(text))
    assert last.reason is FinishReason.STOP


def test_control_tokens_are_no_text_to_a_grammar(model: Model, context: Context) -> None:
    """To llama.cpp the token <s> is the text "<s>"."""
    begin = model.vocabulary.bos
    eager = Sampling(grammar='root ::= "<s>" | "<s>!"', logit_bias={begin: 1000.0})
    text, tokens, last = answer(context, eager)
    assert text in ("<s>", "<s>!")
    assert begin not in tokens
    assert last.reason is FinishReason.STOP


def test_an_end_of_turn_that_the_file_does_not_name(nano_file: Path, tmp_path: Path) -> None:
    """It neither ends a text in quotes, nor does the answer go on when it is the likeliest."""
    content = bytearray(nano_file.read_bytes())
    key = b"tokenizer.ggml.eos_token_id" + struct.pack("<I", 4)
    struct.pack_into("<I", content, content.index(key) + len(key), 2)
    foreign = tmp_path / "foreign.gguf"
    foreign.write_bytes(content)
    with Model(foreign) as model, Context(model, SETTINGS) as context:
        end = model.vocabulary.end_of_turn
        assert llama_cpp.llama_vocab_eos(model.vocabulary.handle) == end
        eager = Sampling(logit_bias={end: 1000.0})
        text, _, last = answer(context, replace(eager, grammar='root ::= "\\"" [^"]{3,9} "\\"" .*'))
        # The token that closes the text may go on a little.
        assert re.fullmatch('"[^"]{3,9}".{0,3}', text)
        assert last.reason is FinishReason.STOP


# The likeliest token, without candidates

NAN, INFINITE = math.nan, math.inf


@pytest.mark.parametrize(
    "logits",
    [
        {},
        {7: 99.0},
        {2817: 99.0, 9: 99.0, 2000: 99.0},
        {0: NAN},
        {5: NAN, 3: 99.0},
        dict.fromkeys(range(2818), NAN),
        dict.fromkeys(range(2818), -INFINITE),
        {**dict.fromkeys(range(2818), -INFINITE), 2817: -3e38},
        {11: INFINITE, 12: INFINITE},
        {3: 0.0, 4: -0.0} | dict.fromkeys(range(5, 2818), -1.0),
    ],
)
@pytest.mark.parametrize(
    "bias",
    [{}, {7: -INFINITE}, {3: -1.0, 9: -100.0, 11: 0.0}, {7: 5.0}, {9: -INFINITE, 2000: 0.5}],
)
def test_the_likeliest_is_llama_cpps_own(
    model: Model, context: Context, logits: dict[int, float], bias: dict[int, float]
) -> None:
    """Ties, NaN and infinities included. The logits are written where llama.cpp has them."""
    context.prefill(prompt(model))
    row = llama_cpp.llama_get_logits_ith(context.handle, -1)
    for token, value in logits.items():
        row[token] = value
    entries = (llama_cpp.llama_logit_bias * len(bias))(*bias.items())
    size = model.vocabulary.size
    biased = llama_cpp.llama_sampler_init_logit_bias(size, len(bias), entries)
    chain = chain_of(biased, llama_cpp.llama_sampler_init_greedy())
    expected = llama_cpp.llama_sampler_sample(chain, context.handle, -1)
    llama_cpp.llama_sampler_free(chain)
    with closing(Sampler(Sampling(logit_bias=bias), model.vocabulary, SIZE)) as sampler:
        assert sampler.sample(context.handle) == expected
        assert sampler.sample(context.handle, 0) == expected


def test_the_likeliest_of_each_row(model: Model) -> None:
    ids = prompt(model)
    settings = ContextSettings(context=256, sequences=3, threads=1)
    with (
        Context(model, settings) as several,
        closing(Sampler(Sampling(), model.vocabulary, SIZE)) as sampler,
    ):
        for sequence in range(3):
            several.prefill(ids, sequence)
        rows = several.decode_together({0: 300, 1: 400, 2: 500})
        for row in rows.values():
            found = llama_cpp.llama_get_logits_ith(several.handle, row)
            expected = np.ctypeslib.as_array(found, (model.vocabulary.size,)).argmax()
            assert sampler.sample(several.handle, row) == expected


# Log-probabilities


def test_logprobs_are_those_of_the_models_own_distribution(model: Model, context: Context) -> None:
    ids = prompt(model)
    chain = chain_of(top_k(), top_p(), min_p(), temperature(), dist())
    tokens, logits = plain_tokens(model, lambda row: llama_cpp.llama_sampler_sample(chain, row, -1))
    llama_cpp.llama_sampler_free(chain)
    limits = Limits(max_tokens=40)
    chunks = list(generate(context, ids, HOT, limits, logprobs=5))
    assert all(chunk.tokens == tuple(one.token for one in chunk.logprobs) for chunk in chunks)
    found = [one for chunk in chunks for one in chunk.logprobs]
    assert [one.token for one in found] == tokens
    for one, row in zip(found, logits, strict=True):
        wide = row.astype(np.float64)
        expected = wide - np.logaddexp.reduce(wide)
        assert one.logprob == pytest.approx(expected[one.token], abs=1e-9)
        assert [other for other, _ in one.top] == list(np.argsort(-expected)[:5])
        assert [logprob for _, logprob in one.top] == pytest.approx(
            sorted(expected, reverse=True)[:5], abs=1e-9
        )


def test_logprobs_of_all_tokens_make_up_the_whole(model: Model, context: Context) -> None:
    everything = generate(context, prompt(model), limits=Limits(max_tokens=3), logprobs=10**9)
    for one in [one for chunk in everything for one in chunk.logprobs]:
        assert len(one.top) == model.vocabulary.size
        assert sum(math.exp(logprob) for _, logprob in one.top) == pytest.approx(1, abs=1e-9)
        assert one.top[0] == (one.token, one.logprob)


def test_equal_logprobs_come_by_their_ids(model: Model, context: Context) -> None:
    context.prefill(prompt(model))
    row = llama_cpp.llama_get_logits_ith(context.handle, -1)
    for token in range(model.vocabulary.size):
        row[token] = float(-(token % 7))
    for count in (0, 1, 5, 404, 1000, 2818, 5000):
        found = token_logprob(context, -1, 3, count).top
        expected = sorted(range(model.vocabulary.size), key=lambda token: (token % 7, token))
        assert [token for token, _ in found] == expected[:count]
    row[5] = math.nan
    assert len(token_logprob(context, -1, 3, 4).top) == 4


def test_logprobs_are_there_only_if_asked_for(model: Model, context: Context) -> None:
    limits = Limits(max_tokens=5)
    assert not any(one.logprobs for one in generate(context, prompt(model), limits=limits))
    alone = list(generate(context, prompt(model), limits=limits, logprobs=0))
    assert [one.top for chunk in alone for one in chunk.logprobs] == [()] * 5
    with pytest.raises(UsageError, match="logprobs"):
        next(generate(context, prompt(model), logprobs=-1))
