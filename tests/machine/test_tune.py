"""`starling tune`: what is tried, what is kept, and who uses it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import llama_cpp
import psutil
import pytest

from starling_convert.conversion import ConversionSettings, run_conversion
from starling_convert.plan import plan_conversion
from starling_convert.quantisers import Kernels
from starling_convert.recipe import FileType
from starling_local.cli.environment import Environment
from starling_local.cli.main import main
from starling_local.engine.devices import processor_features
from starling_local.engine.gguf_header import GgufHeader, read_header
from starling_local.errors import BadFileError, ConversionError, ExitCode
from starling_local.machine.asked import PREFERRED, Asked, Preferred, Use
from starling_local.machine.description import MachineDescription, machine_description
from starling_local.machine.fitting.fit import Machine, plan
from starling_local.machine.fitting.footprint import footprint
from starling_local.machine.fitting.memory import HostMemory
from starling_local.machine.running import run_settings
from starling_local.machine.tuned import Tuned, tuned_as_json, tuned_from
from starling_local.machine.tuned_store import TunedStore
from starling_local.machine.tuning.candidates import candidates, combined
from starling_local.machine.tuning.race import Sample, Verdict
from starling_local.machine.tuning.trial import TrialFailed, Way, run_trial
from starling_local.machine.tuning.tune import USUAL, Tried, Tuner
from starling_local.machine.tuning.workload import WORKLOADS, Workload
from starling_local.settings import ContextSettings, KvType, LoadSettings
from starling_local.store.nano import nano_checkpoint

HERE = MachineDescription("A processor", 8, 16 * 2**30, (), "llama-cpp-python 1", "AVX2 = 1")
MEASURED = {"gain": 1.5, "file": "a.gguf"}
TASK = Workload("work", 2, 40, 10)
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def header(nano_file: Path) -> GgufHeader:
    return read_header(nano_file)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`starling` with a data folder of its own; status, stdout, stderr."""

    def run_it(*words: object) -> tuple[int, str, str]:
        environ = {"STARLING_DATA_DIR": str(tmp_path / "data"), "PATH": os.environ["PATH"]}
        environment = Environment(io.StringIO(), io.StringIO(), io.StringIO(), environ)
        status = main([str(word) for word in words], environment)
        assert isinstance(environment.stdout, io.StringIO)
        assert isinstance(environment.stderr, io.StringIO)
        return status, environment.stdout.getvalue(), environment.stderr.getvalue()

    return run_it


@pytest.fixture
def one_core() -> Iterator[None]:
    """Threads that wait for each other are slow beyond measure where others use the cores, too."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def no_note(text: str) -> None:
    pytest.fail(text)


# What is tried.


def test_candidates_differ_from_the_usual_in_one_thing() -> None:
    found = candidates(Preferred(), WORKLOADS[Use.ASK], 8, 4, lossy=False)
    assert found[0] == Tuned(repack=True)
    threads = [(one.threads, one.prefill_threads) for one in found if one.threads]
    assert threads == [(4, 8), (4, None), (7, 8), (7, None)]
    assert [one.batch for one in found if one.batch] == [128, 256]
    assert all(len(one.changes.keys() - {"prefill_threads"}) == 1 for one in found)
    assert all(one.kv_type is None for one in found)
    assert len(set(found)) == len(found)
    # Of a chat only the start is measured, and without it the depth costs more.
    assert Tuned(flash_attention=False) in found
    assert Tuned(flash_attention=False) not in candidates(
        Preferred(), WORKLOADS[Use.CHAT], 8, 4, lossy=False
    )
    assert Tuned(kv_type=KvType.Q8_0) in candidates(
        Preferred(), WORKLOADS[Use.ASK], 8, 4, lossy=True
    )


def test_candidates_fit_the_machine() -> None:
    alone = candidates(Preferred(repack=True), WORKLOADS[Use.BATCH], 1, 1, lossy=False)
    assert alone[0] == Tuned(repack=False)
    assert not any(one.threads for one in alone)
    # 16 prompts of 100 tokens are read together.
    assert [one.batch for one in alone if one.batch] == [128, 256, 1024, 2048]
    assert [one.threads for one in candidates(
        Preferred(threads=4), WORKLOADS[Use.CHAT], 4, 2, lossy=False
    ) if one.threads and not one.prefill_threads] == [2, 3]  # fmt: skip


def test_what_is_better_is_tried_together() -> None:
    repack, threads, fewer = Tuned(repack=True), Tuned(threads=2), Tuned(threads=1)
    assert combined([]) is None
    assert combined([repack]) is None
    assert combined([threads, repack, fewer]) == Tuned(repack=True, threads=2)
    # A KV cache of q8_0 needs flash attention: who comes first stays.
    flash, small = Tuned(flash_attention=False), Tuned(kv_type=KvType.Q8_0)
    assert combined([flash, small]) is None
    assert combined([small, flash, repack]) == Tuned(kv_type=KvType.Q8_0, repack=True)


def test_what_cannot_help_is_not_tried(nano_file: Path, header: GgufHeader, packable: Path) -> None:
    """Repacking, where there is nothing to repack, or no room for it."""
    packable_header = read_header(packable)
    plain, repacked = sizes(packable_header)
    if repacked > plain:
        assert Tuned(repack=True) in different(packable, packable_header, 2**34)
    assert Tuned(repack=True) not in different(packable, packable_header, plain)
    plain, repacked = sizes(header)
    assert (Tuned(repack=True) in different(nano_file, header, 2**34)) == (repacked > plain)


@pytest.fixture(scope="module")
def packable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model in a type that most processors have weights repacked of."""
    planned = plan_conversion(nano_checkpoint(), [FileType.Q4_K_M], tmp_path_factory.mktemp("q4"))
    [written] = run_conversion(planned, ConversionSettings(verify=False, kernels=Kernels.GGML))
    return written.planned.path


def sizes(header: GgufHeader) -> tuple[int, int]:
    """Memory that `ask` takes of the host, in bytes, as the weights are and repacked."""
    model = footprint(header, processor_features())
    plain, repacked = (
        plan(model, machine_with(2**34), Asked(), Preferred(repack=repack)).host_total
        for repack in (False, True)
    )
    return plain, repacked


def machine_with(usable_bytes: int) -> Machine:
    """A machine of whose memory just so much may be used."""
    total = usable_bytes * 16 // 15 + 16
    return Machine(HostMemory(total, total))


def different(path: Path, header: GgufHeader, usable_bytes: int) -> list[Tuned]:
    return make_tuner(path, header, machine_with(usable_bytes)).different()


def make_tuner(path: Path, header: GgufHeader, machine: Machine, **more: Any) -> Tuner:
    return Tuner(
        path, header, machine, more.pop("use", Use.ASK), more.pop("budget_s", 60.0), os.environ,
        False, lambda _tuned, _elapsed_s: None, more.pop("on_tried", lambda _tried: None),
    )  # fmt: skip


# One measurement.


def test_a_trial_measures_the_start_and_the_work(nano_file: Path) -> None:
    way = Way(nano_file, LoadSettings(repack=False), ContextSettings(256, threads=1))
    whole = run_trial(way, TASK, 1.0, 60.0, os.environ)
    assert whole.start_s > 0.05  # Python and llama.cpp are loaded
    assert 0 < whole.round_s < whole.start_s
    several = replace(way, context=replace(way.context, sequences=4))
    assert run_trial(several, TASK, 0.5, 60.0, os.environ).round_s > 0


def test_a_part_of_the_work_stands_for_the_whole() -> None:
    assert TASK.part(1.0) == (40, 10)
    assert TASK.part(0.5) == (32, 8)  # not less than what means something
    assert WORKLOADS[Use.ASK].part(0.5) == (150, 50)
    assert TASK.cost_s(Sample(3.0, 2.0)) == 7.0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by signal 11"),
        ("import sys; sys.exit('out of luck')", "exit status 1: out of luck"),
        ("print('no json'); print('{\"error\": \"no room\"}')", "no room"),
        ("", "exit status 0"),
        ('print(\'{"read_s": 1, "write_s": 1}\', flush=True); import os; os.abort()', "signal 6"),
        ("import time; time.sleep(60)", "not finished in 1 s"),
        ("import time; print('{\"first\": true}', flush=True); time.sleep(60)", "not finished"),
    ],
)
def test_a_trial_that_dies_or_hangs(nano_file: Path, code: str, message: str) -> None:
    way = Way(nano_file, LoadSettings(), ContextSettings())
    with pytest.raises(TrialFailed, match=message):
        run_trial(way, TASK, 1.0, 1.0, os.environ, [sys.executable, "-c", code])


def test_a_trial_says_what_llama_cpp_says(nano_file: Path) -> None:
    way = Way(nano_file, LoadSettings(), ContextSettings(sequences=1000))
    with pytest.raises(TrialFailed, match="the number of sequences must be") as failed:
        run_trial(way, TASK, 1.0, 60.0, os.environ)
    assert failed.value.status == ExitCode.USAGE


def test_a_trial_ends_with_who_started_it(nano_file: Path) -> None:
    """Killed, the tuning process leaves none behind that goes on computing."""
    code = (
        "import os, threading\n"
        "from pathlib import Path\n"
        "from starling_local.machine.tuning.trial import Way, run_trial\n"
        "from starling_local.machine.tuning.workload import Workload\n"
        "from starling_local.settings import ContextSettings, LoadSettings\n"
        f"way = Way(Path({str(nano_file)!r}), LoadSettings(), ContextSettings(2048, threads=1))\n"
        "run_trial(way, Workload('', 1, 32, 2000), 1.0, 60.0, os.environ)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        [child] = wait_for(psutil.Process(process.pid).children)
        process.kill()
    wait_for(lambda: is_gone(child))


def is_gone(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_for(ready: Callable[[], Any]) -> Any:
    for _ in range(2000):
        if found := ready():
            return found
        time.sleep(0.01)
    return pytest.fail("waited in vain")


def test_usual_settings_that_take_too_long(nano_file: Path, header: GgufHeader) -> None:
    tried: list[Tried] = []
    machine = Machine(HostMemory(2**34, 2**34))
    tuner = make_tuner(nano_file, header, machine, on_tried=tried.append)
    tuner.patience_s = tuner.budget_s = 0.01
    assert tuner.run().verdict is Verdict.NO_TIME
    assert [one.failure for one in tried] == ["not finished in 0 s"]


def test_usual_settings_that_do_not_work_are_an_error(
    nano_file: Path, header: GgufHeader, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(nano_file.read_bytes()[:-1000])
    tuner = make_tuner(broken, header, Machine(HostMemory(2**34, 2**34)))
    with pytest.raises(BadFileError, match="does not run with the usual settings"):
        tuner.run()


# The whole, on the small model.


@pytest.mark.usefixtures("one_core")
def test_the_command_keeps_what_it_finds(nano_file: Path, tmp_path: Path, run: Run) -> None:
    words = ("tune", "-m", nano_file, "--for", "ask", "--json")
    status, stdout, stderr = run(*words, "--budget", "10m")
    assert status == 0, stderr
    [found] = json.loads(stdout)["uses"]
    assert found["use"] == "ask"
    usual = [one for one in found["tried"] if one["settings"] == {}]
    assert len(usual) == 1
    assert usual[0]["samples_s"]
    assert "the usual settings: " in stderr
    kept = json.loads(Path(found["path"]).read_text())
    assert kept["settings"] == found["settings"]
    assert kept["use"] == "ask"
    assert kept["gain"] >= 1.0
    assert Path(found["path"]).parent == tmp_path / "data" / "tuned"

    # Six starts, which are the least to be sure, take longer: all stays as it is.
    before = Path(found["path"]).read_bytes()
    status, stdout, _ = run(*words, "--budget", "0.2s")
    [unsure] = json.loads(stdout)["uses"]
    assert (unsure["verdict"], unsure["path"]) == ("no_time", None)
    assert Path(found["path"]).read_bytes() == before

    status, stdout, _ = run("tune", "--show", "--json")
    [shown] = json.loads(stdout)["kept"]
    assert shown["is_usable"]
    assert shown["is_this_machine"]
    assert run("tune", "--reset", "--for", "chat")[1] == "0 removed\n"
    assert run("tune", "--reset", "-m", nano_file)[1] == "1 removed\n"
    assert json.loads(run("tune", "--show", "--json")[1]) == {"kept": []}
    assert run("tune", "--show")[1] == "nothing is kept yet\n"


@pytest.mark.usefixtures("one_core")
def test_the_table(nano_file: Path, run: Run) -> None:
    status, stdout, stderr = run("tune", "-m", nano_file, "--for", "chat", "--budget", "1")
    assert status == 0, stderr
    assert "the usual settings" in stdout
    assert "chat (a chat of 20 turns" in stdout


@pytest.mark.parametrize(
    "words",
    [["--budget", "soon"], ["--budget", "0"], ["--budget", "nan"], ["--budget", "9h9"],
     ["--budget", ""], ["--show", "--reset"], ["--for", "fun"]],
)  # fmt: skip
def test_what_cannot_be_asked(run: Run, words: list[str]) -> None:
    assert run("tune", "-m", "nano", *words)[0] == ExitCode.USAGE


def test_a_folder_that_cannot_be_is_told_of_at_once(
    tmp_path: Path, nano_file: Path, run: Run
) -> None:
    (tmp_path / "data").touch()
    status, _, stderr = run("tune", "-m", nano_file)
    assert status == ExitCode.CONVERSION_FAILED
    assert "tuning for" not in stderr


def test_a_model_that_is_none(tmp_path: Path, run: Run) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    assert run("tune", "-m", broken)[0] == ExitCode.BAD_FILE
    assert run("tune", "-m", tmp_path / "none.gguf")[0] == ExitCode.NOT_FOUND


@pytest.mark.usefixtures("one_core")
def test_ctrl_c_keeps_nothing(nano_file: Path, tmp_path: Path, run: Run) -> None:
    environ = {**os.environ, "STARLING_DATA_DIR": str(tmp_path / "data")}
    words = ["tune", "-m", str(nano_file), "--for", "ask", "--budget", "1h", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "starling_local", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stdout is not None
        assert any(line.startswith("the usual settings: ") for line in process.stderr)
        status, _, stderr = run("tune", "-m", nano_file, "--for", "chat")
        assert status == ExitCode.USAGE
        assert "another starling tune is measuring" in stderr
        # As a terminal does it: to all processes.
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
        found = json.loads(process.stdout.read())
    assert process.returncode == ExitCode.INTERRUPTED
    assert found["error"]["message"] == "interrupted; nothing was kept"
    assert "Traceback" not in said
    assert not list((tmp_path / "data" / "tuned").glob("*.json"))


# What is kept.


def test_what_is_kept_is_found_again(tmp_path: Path, header: GgufHeader) -> None:
    store = TunedStore(tmp_path / "data" / "tuned")
    tuned = Tuned(repack=True, threads=4, batch=256, flash_attention=False)
    path = store.keep(Use.ASK, header, HERE, tuned, MEASURED)
    assert store.find(Use.ASK, header, HERE, no_note) == tuned
    assert store.find(Use.CHAT, header, HERE, no_note) is None
    assert path.read_text().count("\n") > 5  # for people, too
    again = store.keep(Use.ASK, header, HERE, USUAL, MEASURED)
    assert again == path
    assert store.find(Use.ASK, header, HERE, no_note) == USUAL
    assert [one.path for one in store.all()] == [path]


@pytest.mark.parametrize(
    "other",
    [
        HERE._replace(cpu="Another"),
        HERE._replace(cores=4),
        HERE._replace(memory_bytes=32 * 2**30),
        HERE._replace(gpus=("A GPU",)),
        HERE._replace(llama_cpp="llama-cpp-python 2"),
        HERE._replace(llama_cpp_features="AVX2 = 1 | FMA = 1"),
    ],
)
def test_each_machine_has_its_own(
    tmp_path: Path, header: GgufHeader, other: MachineDescription
) -> None:
    store = TunedStore(tmp_path)
    store.keep(Use.ASK, header, HERE, Tuned(threads=4), MEASURED)
    assert store.find(Use.ASK, header, other, no_note) is None
    # A new kernel leaves a little more or less of the memory.
    same = HERE._replace(memory_bytes=HERE.memory_bytes - 2**25)
    assert store.find(Use.ASK, header, same, no_note) == Tuned(threads=4)


def test_models_of_one_shape_share_what_is_kept(tmp_path: Path, header: GgufHeader) -> None:
    store = TunedStore(tmp_path)
    store.keep(Use.ASK, header, HERE, Tuned(threads=4), MEASURED)
    renamed = replace(header, metadata={**header.metadata, "general.name": "A fine-tune"})
    assert store.find(Use.ASK, renamed, HERE, no_note) == Tuned(threads=4)
    first, *rest = header.tensors
    requantised = replace(header, tensors=(replace(first, type_id=first.type_id + 1), *rest))
    assert store.find(Use.ASK, requantised, HERE, no_note) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"settings": null}',
        b'{"settings": {"threads": 0}}',
        b'{"settings": {"threads": true}}',
        b'{"settings": {"threads": 1e3}}',
        b'{"settings": {"threads": 100000}}',
        b'{"settings": {"batch": -1}}',
        b'{"settings": {"repack": 1}}',
        b'{"settings": {"kv_type": "q2_0"}}',
        b'{"settings": {"kv_type": []}}',
        b'{"settings": {"unknown": 1}}',
        b'{"settings": {}, "gain": NaN}',
        b'{"settings": {}, "gain": 1e999}',
        b'{"settings": {}, "file": "\\ud800"}',
    ],
)
def test_a_damaged_file_is_passed_over(
    tmp_path: Path, nano_file: Path, header: GgufHeader, content: bytes
) -> None:
    """Never fatal: a note, and the usual settings."""
    folder = tmp_path / "tuned"
    here = machine_description(())
    path = TunedStore(folder).keep(Use.ASK, header, here, USUAL, MEASURED)
    path.write_bytes(content)
    machine = Machine(HostMemory(2**34, 2**34))
    running = run_settings(nano_file, Asked(), Use.ASK, folder, lambda: machine)
    assert [note for note in running.notes if "damaged" in note]
    usual = run_settings(nano_file, Asked(), Use.ASK, None, lambda: machine)
    assert (running.load, running.context) == (usual.load, usual.context)
    [kept] = TunedStore(folder).all()
    assert kept.tuned is None


def test_what_others_wrote_is_shown_harmlessly(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "data" / "tuned"
    folder.mkdir(parents=True)
    odd = {"use": "\x1b[2J" * 50, "settings": {"threads": 2}, "path": "/elsewhere", "machine": 3}
    (folder / "ask-1.json").write_text(json.dumps(odd))
    status, stdout, _ = run("tune", "--show")
    assert status == 0
    assert "\x1b" not in stdout
    assert "2 threads" in stdout
    [shown] = json.loads(run("tune", "--show", "--json")[1])["kept"]
    assert (shown["path"], shown["is_this_machine"]) == (str(folder / "ask-1.json"), False)
    (folder / "chat-2.json").mkdir()
    assert run("tune", "--reset", "--for", "ask")[1] == "1 removed\n"
    status, _, stderr = run("tune", "--reset")
    assert status == ExitCode.CONVERSION_FAILED
    assert "cannot remove" in stderr


def test_settings_survive_json() -> None:
    tuned = Tuned(False, 3, 4, 64, True, KvType.Q8_0)
    assert tuned_from(json.loads(json.dumps(tuned_as_json(tuned)))) == tuned
    assert tuned_from({}) == USUAL
    assert tuned_from([]) is None


def test_two_processes_keep_at_once(tmp_path: Path, nano_file: Path, header: GgufHeader) -> None:
    """Whoever reads meanwhile finds one or the other, whole."""
    code = (
        "import sys; from pathlib import Path\n"
        "from starling_local.engine.gguf_header import read_header\n"
        "from starling_local.machine.asked import Use\n"
        "from starling_local.machine.description import MachineDescription\n"
        "from starling_local.machine.tuned import Tuned\n"
        "from starling_local.machine.tuned_store import TunedStore\n"
        f"store, header = TunedStore(Path({str(tmp_path)!r})), read_header(Path(sys.argv[2]))\n"
        f"here = {HERE!r}\n"
        "for _ in range(50):\n"
        "    store.keep(Use.ASK, header, here, Tuned(threads=int(sys.argv[1])), {})\n"
    )
    store = TunedStore(tmp_path)
    store.keep(Use.ASK, header, HERE, Tuned(threads=1), {})
    processes = [
        subprocess.Popen([sys.executable, "-c", code, threads, str(nano_file)])
        for threads in ("2", "3")
    ]
    seen = set()
    while any(process.poll() is None for process in processes):
        found = store.find(Use.ASK, header, HERE, no_note)
        assert found is not None
        seen.add(found.threads)
    assert [process.wait() for process in processes] == [0, 0]
    assert seen <= {1, 2, 3}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be(tmp_path: Path, header: GgufHeader) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConversionError):
        TunedStore(tmp_path / "file" / "tuned").keep(Use.ASK, header, HERE, USUAL, {})


# Who uses it.


def test_what_was_asked_counts_more() -> None:
    tuned = Tuned(True, threads=4, prefill_threads=8, batch=256, flash_attention=False)
    assert tuned.without(Asked()) == tuned
    assert tuned.without(Asked(repack=False, threads=2)) == Tuned(batch=256, flash_attention=False)
    assert tuned.without(Asked(kv_type=KvType.Q8_0)).flash_attention is None
    small = Tuned(kv_type=KvType.Q8_0)
    assert small.without(Asked(flash_attention=False)) == USUAL
    applied = tuned.applied(PREFERRED[Use.ASK])
    assert (applied.repack, applied.threads, applied.batch) == (True, 4, 256)
    assert tuned.words == "repacking, 4 threads, 8 for prefill, batches of 256, no flash attention"


@pytest.mark.usefixtures("one_core")
def test_later_runs_use_it_and_say_so(
    tmp_path: Path, nano_file: Path, header: GgufHeader, run: Run
) -> None:
    store = TunedStore(tmp_path / "data" / "tuned")
    tuned = Tuned(repack=True, threads=1, batch=64)
    ask = ("ask", "-m", nano_file, "Hello", "--no-stdin")
    before = run(*ask)
    assert "tuned" not in before[2]
    store.keep(Use.ASK, header, machine_description(()), tuned, MEASURED)
    status, stdout, stderr = run(*ask)
    assert (status, stdout) == before[:2]
    assert re.findall(r"note: tuned for (.*)", stderr) == [
        "ask: repacking, 1 thread, batches of 64 (starling tune --show)"
    ]
    # What is asked for is not tuned.
    assert "tuned for ask: batches of 64 (" in run(*ask, "--no-repack", "-t", "1")[2]
    # Nothing is said where the usual settings are the fastest.
    store.keep(Use.ASK, header, machine_description(()), USUAL, MEASURED)
    assert "tuned" not in run(*ask)[2]


def test_the_settings_come_to_llama_cpp(tmp_path: Path, nano_file: Path) -> None:
    header = read_header(nano_file)
    tuned = Tuned(True, threads=1, prefill_threads=2, batch=64, flash_attention=False)
    for use in Use:
        TunedStore(tmp_path).keep(use, header, machine_description(()), tuned, MEASURED)
        running = run_settings(nano_file, Asked(), use, tmp_path)
        assert running.load.repack is True
        assert (running.context.threads, running.context.batch) == (1, 64)
        assert running.context.prefill_threads == 2
        assert running.context.flash_attention is False
        with running.open() as context:
            assert context.batch_size == 64
            assert llama_cpp.llama_n_threads(context.handle) == 1
            assert llama_cpp.llama_n_threads_batch(context.handle) == 2


def test_what_no_longer_fits_is_given_up(tmp_path: Path, packable: Path) -> None:
    header = read_header(packable)
    TunedStore(tmp_path).keep(
        Use.ASK, header, machine_description(()), Tuned(repack=True), MEASURED
    )
    plain, repacked = sizes(header)
    for usable in (plain, repacked):
        there = partial(machine_with, usable)
        running = run_settings(packable, Asked(), Use.ASK, tmp_path, there)
        assert running.load.repack is (usable >= repacked)


def test_what_was_tuned_takes_no_memory_that_is_not_there(
    tmp_path: Path, nano_file: Path, header: GgufHeader
) -> None:
    """Long batches and no flash attention, kept when there was more, shorten no context later."""
    tuned = Tuned(threads=1, batch=2048, flash_attention=False)
    TunedStore(tmp_path).keep(Use.ASK, header, machine_description(()), tuned, MEASURED)
    plain, _ = sizes(header)
    little = run_settings(nano_file, Asked(), Use.ASK, tmp_path, partial(machine_with, plain))
    usual = run_settings(nano_file, Asked(), Use.ASK, None, partial(machine_with, plain))
    assert little.context == replace(usual.context, threads=1)
    assert little.notes == ("tuned for ask: 1 thread (starling tune --show)",)
    plenty = run_settings(nano_file, Asked(), Use.ASK, tmp_path, partial(machine_with, 2**34))
    assert (plenty.context.batch, plenty.context.flash_attention) == (2048, False)


def test_what_a_model_cannot_have_is_not_taken(
    tmp_path: Path, nano_file: Path, header: GgufHeader
) -> None:
    """Tensors do not tell how many heads there are: these are too small for q8_0."""
    TunedStore(tmp_path).keep(
        Use.ASK, header, machine_description(()), Tuned(kv_type=KvType.Q8_0), MEASURED
    )
    key, uint32 = b"llama.attention.key_length", struct.pack("<I", 4)
    small_heads = tmp_path / "small_heads.gguf"
    small_heads.write_bytes(
        nano_file.read_bytes().replace(
            key + uint32 + struct.pack("<I", 64), key + uint32 + struct.pack("<I", 16)
        )
    )
    running = run_settings(small_heads, Asked(), Use.ASK, tmp_path)
    assert (running.context.kv_type, running.notes) == (KvType.F16, ())
    assert run_settings(nano_file, Asked(), Use.ASK, tmp_path).context.kv_type is KvType.Q8_0


def test_a_pipe_of_its_name_is_not_read(tmp_path: Path, header: GgufHeader) -> None:
    store, notes = TunedStore(tmp_path), list[str]()
    path = store.keep(Use.ASK, header, HERE, USUAL, MEASURED)
    path.unlink()
    os.mkfifo(path)
    assert store.find(Use.ASK, header, HERE, notes.append) is None
    assert [note for note in notes if "not used" in note]


@pytest.mark.usefixtures("one_core")
def test_progress_is_told(nano_file: Path, header: GgufHeader) -> None:
    tried: list[Tried] = []
    machine = Machine(HostMemory(2**34, 2**34))
    make_tuner(nano_file, header, machine, budget_s=2.0, on_tried=tried.append).run()
    assert tried[0].tuned == USUAL
    assert all(one.cost_s and one.failure is None for one in tried)
