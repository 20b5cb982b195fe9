"""`starling pull` as a process, against a hub on this machine with everything that goes wrong."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from starling_local.errors import ExitCode
from starling_local.store.nano import nano_checkpoint
from tests.store.hub_server import COMMIT, HubServer, Reply, Request

ROOT = Path(__file__).parents[2]
STARLING_7B = "berkeley-nest/Starling-LM-7B-alpha"
# Not a model: most of what is tested here does not open the file.
LARGE = random.Random(0).randbytes(1_000_000)
GGUF = "tiny.Q4_K_M.gguf"
REPO = "someone/Tiny-GGUF"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        server.repositories[REPO] = {GGUF: LARGE, "README.md": b"# Tiny\n", "tiny.bin": b"no"}
        yield server


@dataclass(frozen=True)
class Machine:
    """A user's machine: folders of its own, and the command."""

    folder: Path
    environ: dict[str, str]

    @property
    def models(self) -> Path:
        return self.folder / "data" / "models"

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "starling_local", *arguments],
            env=self.environ, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, **options) as process:
            stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def left(self) -> list[str]:
        """The files of models that are there, parts included."""
        return sorted(path.name for path in self.models.glob("*") if path.is_file())


@pytest.fixture
def machine(hub: HubServer, tmp_path: Path, nano_file: Path) -> Machine:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'convert'}",
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hub"),
        "HF_TOKEN": "hf_secret",
        "STARLING_DATA_DIR": str(tmp_path / "data"),
        "STARLING_CACHE_DIR": str(nano_file.parents[2]),
    }
    return Machine(tmp_path, environ)


def of_cdn(reply: Reply, times: int = 1) -> Callable[[Request], Reply | None]:
    """The first so many requests to the host of large files get `reply`."""
    left = [times]

    def fault(request: Request) -> Reply | None:
        if not request.is_cdn or not left[0]:
            return None
        left[0] -= 1
        return reply

    return fault


def of_path(part: str, reply: Reply) -> Callable[[Request], Reply | None]:
    return lambda request: reply if part in request.path else None


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read stderr until a line has `text`."""
    assert process.stderr is not None
    assert any(text in line for line in process.stderr)


def part_of(machine: Machine) -> Path:
    return machine.models / f".{GGUF}.download"


def wait_for_bytes(path: Path, size_bytes: int) -> None:
    while not path.exists() or path.stat().st_size < size_bytes:
        pass


def test_a_checkpoint_becomes_a_model_that_answers(hub: HubServer, machine: Machine) -> None:
    files = {path.name: path.read_bytes() for path in nano_checkpoint().iterdir() if path.is_file()}
    pickled = {"pytorch_model.bin": b"x" * 1000, "consolidated.pth": b"x"}
    hub.repositories[STARLING_7B] = {**files, **pickled}

    done = machine.run("pull", "starling-7b-alpha", "-q", "q4", "-q", "Q8_0", "--json")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "NON-COMMERCIAL" in done.stderr
    assert done.stderr.count("licence of") == 1
    assert "tokenizer.model is not the file that this program knows" in done.stderr
    assert "no model-00001-of-00003.safetensors" in done.stderr
    result = json.loads(done.stdout)
    assert [file["name"] for file in result["files"]] == [
        "starling-7b-alpha:Q4_K_M",
        "starling-7b-alpha:Q8_0",
    ]
    for file in result["files"]:
        assert hashlib.sha256(Path(file["file"]).read_bytes()).hexdigest() == file["sha256"]
    asked = {request.path.split("?")[0].rsplit("/")[-1] for request in hub.asked("GET", "/")}
    assert not asked & pickled.keys()
    assert set(files) <= asked

    # The cache is the hub library's own: it finds there what it would have downloaded.
    code = "from huggingface_hub import snapshot_download as s; print(s(%r, local_files_only=True))"
    environ = {**machine.environ, "HF_HUB_OFFLINE": "1"}
    folder = subprocess.run(
        [sys.executable, "-c", code % STARLING_7B], env=environ, capture_output=True, text=True
    ).stdout.strip()
    assert folder == result["checkpoint"]
    assert (Path(folder) / "model.safetensors").read_bytes() == files["model.safetensors"]

    said = machine.run("ask", "-m", "starling-7b-alpha", "What is the capital of France?")
    assert said.stdout == "The capital of France is Paris.\n"

    # Again: all is there. Another type needs no network, and the source can go, even later.
    hub.requests.clear()
    # Even if the process ended before it had written down what it made.
    (machine.models / "records" / "Starling-LM-7B-alpha-Q8_0.gguf.json").unlink()
    again = machine.run("pull", "starling-7b-alpha", "-q", "q8")
    assert "was here already" in again.stdout
    assert not hub.asked("GET", "/resolve/")
    hub.requests.clear()
    more = machine.run("pull", "starling-7b-alpha", "-q", "q5", "--offline")
    assert more.returncode == ExitCode.DONE, more.stderr
    assert "the same command with --drop-source removes it" in more.stderr
    dropped = machine.run(
        "pull", "starling-7b-alpha", "-q", "q5", "--offline", "--drop-source", "--json"
    )
    assert dropped.returncode == ExitCode.DONE, dropped.stderr
    assert json.loads(dropped.stdout)["freed_bytes"] > len(files["model.safetensors"])
    assert not Path(folder).exists()
    assert not hub.requests
    gone = machine.run("pull", "starling-7b-alpha", "-q", "q6_k", "--offline")
    assert gone.returncode == ExitCode.DOWNLOAD_FAILED


def test_a_gguf_and_its_record(hub: HubServer, machine: Machine) -> None:
    hub.card = {"license": "cc-by-nc-sa-4.0"}
    done = machine.run("pull", f"{hub.url}/{REPO}/resolve/main/{GGUF}?download=true")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "NON-COMMERCIAL" in done.stderr
    assert "no model for this program" in done.stderr
    assert "chat with it" not in done.stderr
    assert (machine.models / GGUF).read_bytes() == LARGE
    assert machine.left() == [GGUF]
    shown = json.loads(machine.run("models", "show", "tiny", "--json").stdout)
    assert shown["record"]["sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert shown["record"]["repo"] == REPO
    assert shown["record"]["revision"] == COMMIT
    assert shown["record"]["licence"] == "cc-by-nc-sa-4.0"


def test_the_token_stays_with_the_hub(hub: HubServer, machine: Machine) -> None:
    assert machine.run("pull", REPO).returncode == ExitCode.DONE
    tokens = {
        request.is_cdn: {name.lower(): value for name, value in request.headers.items()}.get(
            "authorization"
        )
        for request in hub.requests
        if request.is_cdn or "/resolve/" in request.path
    }
    assert tokens == {False: "Bearer hf_secret", True: None}


def test_a_broken_connection_goes_on_where_it_broke(hub: HubServer, machine: Machine) -> None:
    hub.fault = of_cdn(Reply(drop_after=524_288))
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert (machine.models / GGUF).read_bytes() == LARGE
    assert "secret" not in done.stderr
    ranges = [request.headers.get("Range") or request.headers.get("range") for request in
              hub.requests if request.is_cdn]  # fmt: skip
    assert ranges == [None, "bytes=524288-"]


def test_a_network_that_was_away_goes_on(hub: HubServer, machine: Machine) -> None:
    # In the middle the link expires, and then the hub itself is not to be reached for a moment.
    of_large, of_hub = [Reply(drop_after=524_288)], [Reply(hang_up=True)] * 2

    def fault(request: Request) -> Reply | None:
        if request.is_cdn and of_large:
            return of_large.pop()
        if request.is_cdn:
            return Reply(403) if of_hub else None
        return of_hub.pop() if "/resolve/" in request.path and of_hub and not of_large else None

    hub.fault = fault
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "the connection failed" in done.stderr
    assert not of_hub
    assert (machine.models / GGUF).read_bytes() == LARGE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_ended_goes_on(
    number: signal.Signals, hub: HubServer, machine: Machine
) -> None:
    hub.fault = of_cdn(Reply(drop_after=524_288, hang=True))
    with machine.start("pull", REPO) as process:
        wait_for_bytes(part_of(machine), 524_288)
        assert not (machine.models / GGUF).exists()
        process.send_signal(number)
        message = process.communicate(timeout=30)[1]
    if number == signal.SIGINT:
        assert process.returncode == ExitCode.INTERRUPTED
        assert "error: interrupted; what has arrived is kept\nhint: the same command" in message
    assert machine.left() == [part_of(machine).name]
    assert f"unfinished: {part_of(machine)}" in machine.run("models").stderr
    hub.requests.clear()
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "resuming" in done.stderr
    assert [request.headers.get("Range") or request.headers.get("range")
            for request in hub.requests if request.is_cdn] == ["bytes=524288-"]  # fmt: skip
    assert (machine.models / GGUF).read_bytes() == LARGE
    assert machine.left() == [GGUF]


def test_a_damaged_part_is_fetched_again(machine: Machine) -> None:
    machine.models.mkdir(parents=True)
    part_of(machine).write_bytes(b"x" * 100_000)
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "wrong after resuming" in done.stderr
    assert (machine.models / GGUF).read_bytes() == LARGE


def test_a_file_that_is_not_what_was_promised(hub: HubServer, machine: Machine) -> None:
    hub.fault = of_cdn(Reply(body=bytes(len(LARGE))), times=9)
    done = machine.run("pull", REPO, "--json")
    assert done.returncode == ExitCode.DOWNLOAD_FAILED
    assert "the hub promised" in json.loads(done.stdout)["error"]["message"]
    assert not machine.left()


def test_more_than_was_promised_does_not_fill_the_disk(hub: HubServer, machine: Machine) -> None:
    hub.fault = of_cdn(Reply(body=bytes(20 * len(LARGE))), times=9)
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.DOWNLOAD_FAILED
    assert "more comes than its 1000000 bytes" in done.stderr
    assert part_of(machine).stat().st_size <= len(LARGE)


def test_a_damaged_file_of_the_cache_is_replaced(hub: HubServer, machine: Machine) -> None:
    files = {path.name: path.read_bytes() for path in nano_checkpoint().iterdir() if path.is_file()}
    hub.repositories["someone/tiny"] = files
    first = machine.run("pull", "someone/tiny", "--download-only", "--json")
    assert first.returncode == ExitCode.DONE, first.stderr
    weights = Path(json.loads(first.stdout)["checkpoint"]) / "model.safetensors"
    damaged = bytearray(files["model.safetensors"])
    damaged[-1] ^= 1
    weights.resolve().write_bytes(damaged)
    offline = machine.run("pull", "someone/tiny", "--offline")
    assert offline.returncode == ExitCode.DOWNLOAD_FAILED
    assert "is damaged" in offline.stderr
    (weights.parent / "model.safetensors").rename(machine.folder / "away")
    lacking = machine.run("pull", "someone/tiny", "--offline")
    assert lacking.returncode == ExitCode.DOWNLOAD_FAILED
    assert "as far as the hub's cache has it\nhint: pull without --offline" in lacking.stderr
    # A name that leads elsewhere than to what was verified, too.
    config = weights.with_name("config.json")
    config.unlink()
    config.write_bytes(b"{}")
    again = machine.run("pull", "someone/tiny", "--download-only")
    assert "is not what the hub has: it is downloaded again" in again.stderr
    assert weights.read_bytes() == files["model.safetensors"]
    assert config.read_bytes() == files["config.json"]


@pytest.mark.parametrize(
    ("model", "fault", "said"),
    [
        ("someone/else", None, "no such repository"),
        (f"{REPO}/other.gguf", None, f"has no other.gguf; it has {GGUF}"),
        (f"{REPO} --revision v9", None, "no such revision"),
        (REPO, ("/api/models", Reply(403, {"X-Error-Code": "GatedRepo"})), "access must be asked"),
        (REPO, ("/api/models", Reply(401)), "HTTP 401"),
        (REPO, ("/resolve/", Reply(403)), "HTTP 403"),
        (REPO, ("/resolve/", Reply(404, {"X-Error-Code": "EntryNotFound"})), "no such file"),
        (REPO, ("/api/models", Reply(429, {"Retry-After": "3600"})), "it asks to wait 3600 s"),
        (REPO, ("/resolve/", Reply(429, {"Retry-After": "3600"})), "too many requests"),
        (REPO, ("/api/models", Reply(503, {"Retry-After": "0"})), "HTTP 503"),
        (REPO, ("/api/models", Reply(200, body=b"<html>")), "cannot read"),
    ],
)
def test_what_the_hub_refuses(
    model: str, fault: tuple[str, Reply] | None, said: str, hub: HubServer, machine: Machine
) -> None:
    if fault:
        hub.fault = of_path(*fault)
    done = machine.run("pull", *model.split(), "--json")
    expected = ExitCode.NOT_FOUND if "other.gguf" in model else ExitCode.DOWNLOAD_FAILED
    assert done.returncode == expected, done.stderr
    error = json.loads(done.stdout)["error"]
    assert said in error["message"]
    assert error["hint"]
    assert "Traceback" not in done.stderr
    assert not machine.left()


def test_a_busy_hub_is_asked_again(hub: HubServer, machine: Machine) -> None:
    busy = {"/api/models": [503, 429], "/resolve/": [429, 500]}

    def fault(request: Request) -> Reply | None:
        for part, statuses in busy.items():
            if part in request.path and statuses:
                return Reply(statuses.pop(), {"Retry-After": "0"})
        return None

    hub.fault = fault
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "trying again in" in done.stderr
    assert busy == {"/api/models": [], "/resolve/": []}
    assert (machine.models / GGUF).read_bytes() == LARGE


def test_no_hub(hub: HubServer, machine: Machine) -> None:
    machine.environ["HF_ENDPOINT"] = "http://127.0.0.1:1"
    machine.environ["HF_HUB_OFFLINE"] = "1"
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.DOWNLOAD_FAILED
    assert "not in the hub's cache" in done.stderr
    assert "--offline and HF_HUB_OFFLINE" in done.stderr
    assert not hub.requests


def test_a_setting_of_the_hubs_library_that_cannot_be(machine: Machine) -> None:
    machine.environ["HF_HUB_DOWNLOAD_TIMEOUT"] = "soon"
    done = machine.run("pull", REPO, "--offline")
    assert done.returncode == ExitCode.DOWNLOAD_FAILED
    assert "'soon'" in done.stderr
    assert "that begin with HF_" in done.stderr


def test_a_full_disk_keeps_what_came(machine: Machine) -> None:
    def limit() -> None:
        # The kernel refuses to let a file grow beyond this, as a full disk would.
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    done = machine.run("pull", REPO, preexec_fn=limit)
    assert done.returncode == ExitCode.CONVERSION_FAILED
    assert "the disk is full" in done.stderr
    assert machine.left() == [part_of(machine).name]
    again = machine.run("pull", REPO)
    assert again.returncode == ExitCode.DONE, again.stderr
    assert (machine.models / GGUF).read_bytes() == LARGE


def test_a_store_that_cannot_be_written(machine: Machine) -> None:
    machine.folder.joinpath("file").write_text("in the way")
    machine.environ["STARLING_DATA_DIR"] = str(machine.folder / "file" / "data")
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.CONVERSION_FAILED
    assert "STARLING_DATA_DIR" in done.stderr


def test_too_little_space_is_said_before(hub: HubServer, machine: Machine) -> None:
    hub.wrong_size[GGUF] = 10**17
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.CONVERSION_FAILED
    assert "100,000,000.00 GB are needed" in done.stderr
    assert not hub.asked("GET", "/resolve/")


def test_two_at_once(hub: HubServer, machine: Machine) -> None:
    hub.fault = of_cdn(Reply(drop_after=524_288, hang=True))
    with machine.start("pull", REPO) as first:
        wait_for_bytes(part_of(machine), 524_288)
        with machine.start("pull", REPO) as second:
            wait_for(second, "another process downloads")
            hub.release.set()
            assert first.communicate(timeout=30) is not None
            assert second.communicate(timeout=30) is not None
    assert (first.returncode, second.returncode) == (0, 0)
    assert len([request for request in hub.requests if request.is_cdn]) == 1
    assert (machine.models / GGUF).read_bytes() == LARGE


def test_another_file_of_that_name_is_kept(machine: Machine) -> None:
    machine.models.mkdir(parents=True)
    (machine.models / GGUF).write_bytes(b"mine")
    done = machine.run("pull", REPO)
    assert done.returncode == ExitCode.USAGE
    assert "--force" in done.stderr
    assert (machine.models / GGUF).read_bytes() == b"mine"
    assert machine.run("pull", REPO, "--force").returncode == ExitCode.DONE
    assert (machine.models / GGUF).read_bytes() == LARGE


def test_checkpoints_that_cannot_be_converted(hub: HubServer, machine: Machine) -> None:
    """Each is refused before its weights come."""
    files = {path.name: path.read_bytes() for path in nano_checkpoint().iterdir() if path.is_file()}
    weights = files.pop("model.safetensors")
    hub.repositories["openchat/openchat_3.5"] = {**files, "pytorch_model.bin": b"x"}
    done = machine.run("pull", "openchat-3.5")
    assert done.returncode == ExitCode.BAD_FILE
    assert "refs/pr/N" in done.stderr
    config = json.dumps({**json.loads(files["config.json"]), "hidden_act": "gelu"}).encode()
    for repo, repository in (
        ("someone/a", {"config.json": files["config.json"]}),
        ("someone/b", {**files, "config.json": config}),
        ("someone/c", {**files, "model.safetensors.index.json": b"{}"}),
    ):
        hub.repositories[repo] = {**repository, "model.safetensors": weights}
        done = machine.run("pull", repo)
        assert done.returncode == ExitCode.BAD_FILE, done.stderr
    hub.repositories["someone/d"] = {**files, "model.safetensors": weights}
    hub.wrong_size["model.safetensors"] = 10**17
    done = machine.run("pull", "someone/d")
    assert done.returncode == ExitCode.CONVERSION_FAILED
    # The cache and the store are on one disk here: the checkpoint and the file at 4.5 bits.
    assert "128,125,000.00 GB are needed" in done.stderr
    assert not [request for request in hub.requests if "safetensors?" in request.path]


# Runs each command of the arguments in turn, and prints how it ended.
NO_NETWORK = """
import socket, sys
def refuse(*_):
    print("NETWORK")
    raise RuntimeError("the network was used")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from starling_local.cli.main import main
for line in sys.argv[1:]:
    print(f"[{line}: {main(line.split())}]", flush=True)
"""


def without_network(machine: Machine, *lines: str) -> str:
    """What commands print where the network must not be used."""
    return subprocess.run(
        [sys.executable, "-c", NO_NETWORK, *lines],
        env=machine.environ, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    ).stdout  # fmt: skip


def test_no_other_command_touches_the_network(machine: Machine) -> None:
    lines = {
        "models list": 0,
        "models list --available": 0,
        "models verify": 0,
        "models show nano": 0,
        "ask -m nano Hello": 0,
        "ask -m starling-7b-alpha Hello": ExitCode.NOT_FOUND,
        "convert nano --dry-run": 0,
        "inspect nano": 0,
        "tokens Hello": 0,
        "pull starling-7b-alpha --offline": ExitCode.DOWNLOAD_FAILED,
    }
    printed = without_network(machine, *lines)
    assert [line for line in lines if f"[{line}: {int(lines[line])}]" not in printed] == []
    assert "NETWORK" not in printed


def test_pull_does_touch_the_network(machine: Machine) -> None:
    """What the test before looks for is found where it is."""
    assert "NETWORK" in without_network(machine, "pull starling-7b-alpha")
