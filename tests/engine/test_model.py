"""Loaded models: files that are corrected or refused, what fails and says why, use after close."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import llama_cpp
import psutil
import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.recipe import FileType
from starling_local.engine.context import Context
from starling_local.engine.generation import generate
from starling_local.engine.gguf_header import Strings, read_header
from starling_local.engine.model import Model
from starling_local.errors import BadFileError
from starling_local.prompt import Message, Role, encode, prompt_segments
from starling_local.settings import ContextSettings, Limits, LoadSettings, Sampling
from tests.checkpoints import Shape, write_checkpoint
from tests.engine.patched import Patched

SETTINGS = ContextSettings(context=256, threads=1)
HELLO = "Hello! I am fine, thank you. How can I help you?"


@pytest.fixture(scope="module")
def mistral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with Mistral's vocabulary."""
    folder = tmp_path_factory.mktemp("mistral")
    write_checkpoint(folder / "in", Shape(layers=1, hidden=32, ffn=32, heads=2, kv_heads=1))
    plan = plan_conversion(folder / "in", [FileType.F16], folder)
    (written,) = run_conversion(plan, ConversionSettings(verify=False))
    return written.planned.path


def answer(model: Model, question: str = "Hello, how are you?") -> str:
    ids = encode(prompt_segments([Message(Role.USER, question)]), model.vocabulary)
    with Context(model, SETTINGS) as context:
        return "".join(chunk.text for chunk in generate(context, ids, limits=Limits(60)))


# Interruptions.


def test_no_signal_is_lost_while_a_model_is_loaded(nano_file: Path) -> None:
    """llama.cpp logs meanwhile, through Python, and what is raised there goes no further."""
    came = raised = 0

    def hear(_number: int, _frame: object) -> None:
        nonlocal came
        came += 1
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, hear)
    try:
        for step in range(1, 61):
            try:
                signal.setitimer(signal.ITIMER_REAL, step * 0.0005)
                with Model(nano_file) as model, Context(model, SETTINGS):
                    signal.pause() if came < step else None
            except KeyboardInterrupt:
                raised += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert raised == came == 60


# Files that differ.


@pytest.mark.parametrize("role", ["eos", "eot", "eom"])
def test_a_full_stop_that_ends_answers_is_corrected(
    nano_file: Path, tmp_path: Path, role: str
) -> None:
    """Neither for the answer nor for a grammar is it an end."""
    with Model(nano_file) as model:
        dot = model.vocabulary.tokenise("x.")[-1]
        assert model.vocabulary.piece(dot) == b"."
    patched = Patched(nano_file).number("tokenizer.ggml.eos_token_id", dot)
    patched.key("tokenizer.ggml.eos_token_id", f"tokenizer.ggml.{role}_token_id")
    with Model(patched.write(tmp_path / "dot.gguf")) as model:
        assert any(f"token {dot} ends an answer" in note for note in model.notes)
        assert model.vocabulary.ends == {2, model.vocabulary.end_of_turn}
        assert not llama_cpp.llama_vocab_is_eog(model.vocabulary.handle, dot)
        assert answer(model) == HELLO
        with Context(model, SETTINGS) as context:
            chunks = generate(context, [1, 300], Sampling(grammar='root ::= "a.b.c"'))
            assert "".join(chunk.text for chunk in chunks) == "a.b.c"


def test_a_wrong_begin_is_corrected(nano_file: Path, tmp_path: Path) -> None:
    path = Patched(nano_file).number("tokenizer.ggml.bos_token_id", 2).write(tmp_path / "bos.gguf")
    with Model(path) as model:
        assert model.notes == ("the file says that token 2 begins a prompt; <s> (1) does",)
        assert model.vocabulary.bos == 1
        assert answer(model) == HELLO


def test_ids_that_are_not_the_cards_are_refused(mistral: Path, tmp_path: Path) -> None:
    tokens = read_header(mistral).metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Strings)
    # So that `GPT4` begins with it.
    patched = Patched(mistral).item("tokenizer.ggml.scores", tokens.index("GP"), 1.0)
    with pytest.raises(BadFileError, match="splits the model card's prompt") as caught:
        Model(patched.write(tmp_path / "scores.gguf"))
    assert "starling convert" in (caught.value.hint or "")


def test_a_control_token_that_llama_cpp_makes_text_of_is_refused(
    nano_file: Path, tmp_path: Path
) -> None:
    """`llama_vocab::impl::load` does that with some names, whatever type the file says."""
    path = Patched(nano_file).token(b"<|pad_0|>", b"<|start|>").write(tmp_path / "start.gguf")
    with pytest.raises(BadFileError, match=r"reads '<\|start\|>' in a user's text"):
        Model(path)


@pytest.mark.parametrize("kind", [1, 4])
def test_the_end_of_a_text_may_be_of_any_type(nano_file: Path, tmp_path: Path, kind: int) -> None:
    """llama.cpp makes a control token of `</s>` by its name."""
    patched = Patched(nano_file).item("tokenizer.ggml.token_type", 2, kind)
    with Model(patched.write(tmp_path / "end.gguf")) as model:
        assert 2 not in model.vocabulary.tokenise("a</s>b </s>")
        assert 2 in model.vocabulary.ends


def test_every_text_has_tokens(nano_file: Path) -> None:
    with Model(nano_file) as model:
        for text in ("", " ", "\0", "漢字 🦊", "\t\n\r", "\x7f" * 999, "▁ ▁", " " * 500):
            ids = model.vocabulary.tokenise(text)
            whole = b"".join(map(model.vocabulary.piece, ids))
            assert whole == b" " * bool(text) + text.replace("▁", " ").encode()


def test_a_control_token_without_a_readable_name(nano_file: Path, tmp_path: Path) -> None:
    path = Patched(nano_file).token(b"<|pad_0|>", b"\xff\xfe<pad_0>").write(tmp_path / "name.gguf")
    with Model(path) as model:
        assert model.vocabulary.shown(2817) == r"\xff\xfe<pad_0>"
        assert model.vocabulary.shown(2816) == "<|end_of_turn|>"


def test_tokens_without_text_are_those_without_a_piece(nano_file: Path, mistral: Path) -> None:
    for path in (nano_file, mistral):
        with Model(path) as model:
            vocabulary = model.vocabulary
            pieces = map(vocabulary.piece, range(vocabulary.size))
            assert vocabulary.without_text == {token for token, raw in enumerate(pieces) if not raw}
            assert vocabulary.ends == {2, vocabulary.end_of_turn}


# What is said, and where.


def test_a_failed_load_says_why(nano_file: Path, tmp_path: Path) -> None:
    path = Patched(nano_file).number("llama.feed_forward_length", 700).write(tmp_path / "ffn.gguf")
    for _ in range(2):
        with pytest.raises(BadFileError, match=r"gguf: tensor 'blk.0.ffn_\w+.weight' has wrong"):
            Model(path)
    path = Patched(nano_file).number("llama.block_count", 3).write(tmp_path / "layers.gguf")
    with pytest.raises(BadFileError, match="wrong number of tensors"):
        Model(path)


def test_nothing_is_written_to_the_terminal(
    nano_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = Patched(nano_file).number("llama.feed_forward_length", 700).write(tmp_path / "ffn.gguf")
    with Model(nano_file) as model:
        assert answer(model) == HELLO
        with pytest.raises(BadFileError):
            Model(path)
    assert tuple(capfd.readouterr()) == ("", "")


# Memory.


def test_repacking_is_asked_of_llama_cpp(nano_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    load = llama_cpp.llama_model_load_from_file

    def heard(path: bytes, params: llama_cpp.llama_model_params) -> object:
        chosen.append(params.use_extra_bufts)
        return load(path, params)

    monkeypatch.setattr(llama_cpp, "llama_model_load_from_file", heard)
    for repack in (True, False):
        Model(nano_file, LoadSettings(repack=repack)).close()
    Model(nano_file).close()
    assert chosen == [True, False, False]


def test_closing_gives_everything_back(nano_file: Path) -> None:
    process = psutil.Process()

    def use(times: int) -> int:
        for _ in range(times):
            with Model(nano_file) as model, Context(model, SETTINGS) as context:
                sampling = Sampling(temperature=1, seed=1, grammar="root ::= [a-z ]*")
                list(generate(context, [1, 300], sampling, Limits(max_tokens=3)))
        return int(process.memory_info().rss)

    before = use(10)
    assert use(20) - before < 8 * nano_file.stat().st_size // 10


def test_use_after_close_is_an_error(nano_file: Path) -> None:
    model = Model(nano_file)
    context = Context(model, SETTINGS)
    chunks = generate(context, [1, 300])
    next(chunks)
    context.close()
    context.close()
    for compute in (
        lambda: context.prefill([1]),
        lambda: context.decode_next(1),
        lambda: context.decode_together({0: 1}),
        lambda: context.keep(0),
        lambda: context.copy(0, 0, 1),
        context.snapshot,
        lambda: next(chunks),
    ):
        with pytest.raises(RuntimeError, match="after it was closed"):
            compute()
    vocabulary = model.vocabulary
    model.close()
    model.close()
    uses: list[Callable[[], object]] = [
        lambda: vocabulary.tokenise("a"),
        lambda: vocabulary.piece(5),
        lambda: vocabulary.shown(1),
        lambda: model.trained_context,
        lambda: Context(model, SETTINGS),
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match="closed"):
            use()


def test_one_model_for_several_threads(nano_file: Path) -> None:
    questions = ("Count from 1 to 20.", "Hello, how are you?", "What is 17 + 25?", "Hello")
    with Model(nano_file) as model:
        expected = [answer(model, question) for question in questions]
        found: list[list[str]] = [[] for _ in questions]

        def ask(number: int) -> None:
            found[number] += [answer(model, questions[number]) for _ in range(3)]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [[text] * 3 for text in expected]
