"""`starling bench`: what is measured, how it is shown, and what a stopped run says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import xml.etree.ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starling_local.cli.bench_chart import BAR_COLUMNS, chart
from starling_local.cli.bench_svg import svg
from starling_local.engine.model import Model
from starling_local.errors import ExitCode, UsageError
from starling_local.machine.description import MachineDescription
from starling_local.machine.speed.bench import BenchProgress, measure
from starling_local.machine.speed.bench_report import BenchReport, BenchSettings, ModelDescription
from starling_local.machine.speed.bench_tests import (
    Measured,
    SpeedTest,
    default_depths,
    speed_tests,
)
from starling_local.machine.speed.disturbance import Usage, disturbance, usage
from starling_local.machine.speed.startup import first_byte_s
from starling_local.settings import ContextSettings

Starling = Callable[..., Any]
SMALL = ("-p", "16", "-n", "4", "-r", "2", "-t", "1")


@pytest.mark.parametrize(
    ("test", "name"),
    [
        (SpeedTest(512, 0), "pp512"),
        (SpeedTest(0, 128), "tg128"),
        (SpeedTest(512, 128), "pp512+tg128"),
        (SpeedTest(512, 0, depth=4096), "pp512 @ d4096"),
        (SpeedTest(0, 128, depth=1, parallel=4), "tg128 x4 @ d1"),
        (SpeedTest(512, 0, depth=1, parallel=4, batch=128), "pp512 x4 b128 @ d1"),
        (SpeedTest(0, 128, batch=128), "tg128"),
    ],
)
def test_names_are_those_of_llama_bench(test: SpeedTest, name: str) -> None:
    assert test.name == name


def test_all_combinations_are_measured() -> None:
    tests = speed_tests((512, 0), (128, 128), ((8, 4),), (64, 0), (1,), (512,))
    names = ["pp512", "tg128", "pp8+tg4"]
    assert [test.name for test in tests] == [*names, *(f"{name} @ d64" for name in names)]
    with pytest.raises(UsageError, match="nothing to measure"):
        speed_tests((0,), (0,), (), (0,), (1,), (512,))


def test_what_is_written_is_the_same_for_all_batches() -> None:
    tests = speed_tests((64,), (8,), (), (0,), (1, 2), (128, 32))
    assert [(test.name, test.batch) for test in tests] == [
        ("pp64 b128", 128), ("tg8", 128), ("pp64 b32", 32),
        ("pp64 x2 b128", 128), ("tg8 x2", 128), ("pp64 x2 b32", 32),
    ]  # fmt: skip


def test_the_usual_depths_are_within_the_model() -> None:
    assert default_depths(512, 8192) == (0, 1024, 4096)
    assert default_depths(512, 4096) == (0, 1024)
    assert default_depths(512, 256) == (0,)


def test_speeds_count_all_sequences() -> None:
    measured = Measured(SpeedTest(0, 10, depth=100, parallel=4), (1.0, 2.0, 4.0))
    assert measured.speeds == (40.0, 20.0, 10.0)
    assert measured.median == 20.0
    assert Measured(SpeedTest(1, 0), (1.0,)).deviation == 0.0


@pytest.mark.parametrize("parallel", [1, 3])
def test_every_test_begins_at_its_depth(nano_file: Path, parallel: int) -> None:
    """What is told while it measures adds up to all that was decoded."""
    told: list[BenchProgress] = []
    tests = speed_tests((16,), (4,), ((8, 4),), (0, 32), (parallel,), (512,))
    with Model(nano_file) as model:
        found = list(measure(model, ContextSettings(threads=1), tests, 2, told.append))
    assert [one.test for one in found] == list(tests)
    assert all(len(one.samples_s) == 2 and min(one.samples_s) > 0 for one in found)
    doing = [progress.doing for progress in told]
    assert doing.count("reading up to 32 tokens for " + tests[3].name) == 1
    assert len(doing) == 1 + 1 + 2 * len(tests)
    assert all(progress.left_s is not None and progress.left_s > 0 for progress in told[1:])


def test_the_command(nano_file: Path, tmp_path: Path, starling: Starling) -> None:
    picture = tmp_path / "speed.svg"
    done = starling(
        "bench", "-m", nano_file, *SMALL, "-d", "0,32", "--parallel", "1,2", "-b", "512,8",
        "--svg", picture, "--json",
    )  # fmt: skip
    assert done.status == 0
    found = done.json
    assert [test["test"] for test in found["tests"]] == [
        "pp16", "tg4", "pp16 @ d32", "tg4 @ d32", "pp16 b8", "pp16 b8 @ d32",
        "pp16 x2", "tg4 x2", "pp16 x2 @ d32", "tg4 x2 @ d32", "pp16 x2 b8", "pp16 x2 b8 @ d32",
    ]  # fmt: skip
    for test in found["tests"]:
        assert len(test["samples_ts"]) == len(test["samples_ns"]) == 2
        assert min(test["samples_ts"]) <= test["median_ts"] <= max(test["samples_ts"])
    assert {test["n_ubatch"] for test in found["tests"]} == {512, 8}
    assert len(found["startup"]["samples_s"]) == 2
    assert found["settings"]["threads"] == 1
    assert found["model"]["weights_bytes"] < found["peak_rss_bytes"]
    # 96 tokens take 256 cells, of keys and values in f16, in 4 layers of 2 heads of 64.
    assert found["kv_bytes"] == 256 * 2 * 2 * 4 * 2 * 64
    assert found["machine"]["cpu"]
    assert found["interrupted"] is False
    assert xml.etree.ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_the_table_and_the_chart(nano_file: Path, starling: Starling) -> None:
    done = starling("bench", "-m", nano_file, *SMALL, "-d", "0", "-d", "32", "--no-startup")
    assert done.status == 0
    for name in ("pp16", "tg4", "pp16 @ d32", "tg4 @ d32"):
        assert name in done.stdout
    assert "█" * BAR_COLUMNS in done.stdout
    assert "start to first token" not in done.stdout
    assert "pp16 @ d32, 2 of 2; about 0:00 left" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "x"], "-p takes numbers"),
        (["-p", "-1"], "-p takes numbers from 0"),
        (["--parallel", "0"], "--parallel takes numbers from 1"),
        (["--pg", "5"], "--pg takes two numbers"),
        (["-p", "0", "-n", "0"], "nothing to measure"),
        (["-d", "2040"], "pp512 @ d2040 needs 2552 tokens, the model was trained for 2048"),
        (["-r", "0"], "-r"),
    ],
)
def test_what_cannot_be_measured(
    nano_file: Path, starling: Starling, arguments: list[str], message: str
) -> None:
    done = starling("bench", "-m", nano_file, *arguments)
    assert done.status == ExitCode.USAGE
    assert message in done.stderr


def test_a_picture_that_is_there_is_kept(
    nano_file: Path, tmp_path: Path, starling: Starling
) -> None:
    picture = tmp_path / "speed.svg"
    picture.write_text("mine")
    done = starling("bench", "-m", nano_file, *SMALL, "--svg", picture)
    assert done.status == ExitCode.USAGE
    assert picture.read_text() == "mine"
    nowhere = starling("bench", "-m", nano_file, *SMALL, "--svg", tmp_path / "no" / "speed.svg")
    assert nowhere.status == ExitCode.NOT_FOUND
    # Said before anything is measured.
    assert "warm-up" not in done.stderr + nowhere.stderr


def test_ctrl_c_shows_what_is_finished(nano_file: Path) -> None:
    words = [
        "bench",
        "-m",
        str(nano_file),
        "-t",
        "1",
        "-p",
        "8",
        "-n",
        "1000",
        "-r",
        "100",
        "--json",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "starling_local", *words, "--no-startup", "-d", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert any(line.startswith("tg1000, 2 of 100") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        found = json.loads(process.stdout.read())
        said = process.stderr.read()
    assert process.returncode == ExitCode.INTERRUPTED
    assert [test["test"] for test in found["tests"]] == ["pp8"]
    assert found["interrupted"] is True
    assert "interrupted" in said


def test_others_that_use_the_processor_are_told_of() -> None:
    before = Usage(10.0, 100.0, 5.0)
    # Of two cores in ten seconds, all but one second is its own.
    assert disturbance(before, Usage(20.0, 120.0, 24.0), 2) is None
    found = disturbance(before, Usage(20.0, 120.0, 15.0), 2)
    assert found == (
        "other programs used 50 % of the processor meanwhile: measure again without them"
    )
    assert disturbance(before, before, 2) is None
    now = usage()
    assert now.all_s > now.own_s > 0


def test_a_model_that_cannot_start_is_told_of(tmp_path: Path, starling: Starling) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    assert starling("bench", "-m", broken).status == ExitCode.BAD_FILE
    assert starling("bench", "-m", tmp_path / "none.gguf").status == ExitCode.NOT_FOUND
    with pytest.raises(UsageError, match="nonsense"):
        first_byte_s([sys.executable, "-c", "print(); exit('error: nonsense')"], {})


def report(*tests: SpeedTest) -> BenchReport:
    """An invented one: three repeats, faster each time."""
    return BenchReport(
        ModelDescription(
            "A <model>\x1b[2J", Path("m.gguf"), 4_000_000_000, 3_990_000_000, 7 * 10**9
        ),
        MachineDescription("A & B", 8, 16 * 2**30, ("A GPU",), "llama-cpp-python 1", ""),
        BenchSettings(4, False, "f16", None, 0, 3),
        tuple(Measured(test, (9.0 + test.depth, 8.0, 7.0)) for test in tests),
        (1.5,),
        5 * 10**9,
        10**9,
        True,
    )


def test_the_chart_suits_the_terminal() -> None:
    measured = report(SpeedTest(512, 0), SpeedTest(512, 0, depth=64), SpeedTest(0, 8)).measured
    lines = chart(measured, "ascii", 200)
    assert "".join(lines).isascii()
    assert lines[-2].startswith("pp512       0  " + "#" * BAR_COLUMNS + " ")
    assert len(lines) == 3  # of tg8 there is only one depth
    assert "█" in chart(measured, "utf-8", 80)[-1]
    assert max(map(len, chart(measured, "utf-8", 80))) < 80
    assert max(map(len, chart(measured, "utf-8", 40))) == 40
    assert max(map(len, chart(measured, "utf-8", 1))) < 40  # unreadable, but no crash
    assert chart(measured[:1], "utf-8", 80) == []


@pytest.mark.parametrize(
    "tests",
    [
        [SpeedTest(512, 0)],
        [SpeedTest(0, 8), SpeedTest(0, 8, depth=3)],
        [SpeedTest(size, 0, depth=depth) for size in range(1, 9) for depth in (0, 1, 9000)],
        [SpeedTest(8, 8, depth=5, parallel=2), SpeedTest(1, 0), SpeedTest(0, 1)],
    ],
)
def test_the_picture_is_whole(tests: list[SpeedTest]) -> None:
    """Well-formed, with harmless text, and nothing outside its borders."""
    found = report(*tests)
    root = xml.etree.ElementTree.fromstring(svg(found))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "A <model> [2J: tokens per second" in texts
    assert "tokens/s" in texts
    assert {one.test.name_without_depth for one in found.measured} <= set(texts)
    lines = [
        line.attrib["class"]
        for line in root.iter("{http://www.w3.org/2000/svg}polyline")
        if line.attrib["class"].startswith("line ")
    ]
    # Each test has a look of its own, in the picture and in the legend.
    panels = {(one.prompt > 0, one.generate > 0) for one in tests}
    assert len(lines) == 2 * len({one.name_without_depth for one in tests})
    assert len(panels) > 1 or len(set(lines)) == len(lines) // 2
    for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
