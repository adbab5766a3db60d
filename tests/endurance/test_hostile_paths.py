"""Names of files: nothing outside the input and output folders is read or written, through nodes and over HTTP."""

import hashlib
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import folder_paths
import pytest
import torch
from p2p.nodes.attention_files import SUFFIX, P2PLoadAttention, P2PSaveAttention
from p2p.p2p_core.errors import P2PError

from . import hostile_files
from .counts import count
from .hostile_requests import bodies

LATENT = {"samples": torch.zeros(1, 4, 8, 8)}
OUTSIDE = [
    "../outside/x", "a/../../outside/x", "a/../../../x", "/{root}/outside/x", "//{root}/outside/x", "link/x",
    "link/new/x", "a/../link/x", "./link/./x", "{root}/output/../outside/x", "../output_beside/x",
]  # fmt: skip
NO_NAMES = [
    "",
    " ",
    ".",
    "..",
    "a/..",
    "a/",
    "a\\",
    "x\0y",
    "../outside/x\0",
    "\ud800",
    "a/\udc41x",
    "x" * 5000,
    "x/" * 3000,
]
INSIDE = [
    "x", "a/b/c/x", "%year%/%month%-%day%/x", "%date:yyyy%", "%width%%", "猫", "a\u202eb", "x.", "x ", "CON", "nul/x",
    "aux.txt", "a:b", "C:x", "C:\\x", "\\\\host\\share\\x", "..\\outside\\x", "-rf", "$(touch x)", "`id`", ";x", "*?",
    "~/x", "<img src=x onerror=alert(1)>", "a\nb", "{root}/output/x", "a/../x", "x" * 200,
]  # fmt: skip
NO_FILES = [
    f"../outside/secret{SUFFIX}", f"../outside/secret{SUFFIX} [output]", f"/{{root}}/outside/secret{SUFFIX}",
    f"link/secret{SUFFIX}", f"link/secret{SUFFIX} [output]", f"a/../../outside/secret{SUFFIX} [input]",
    f"..\\outside\\secret{SUFFIX}", f"a\\..\\..\\outside\\secret{SUFFIX} [output]", f"secret{SUFFIX} [temp]",
    f"../outside/secret{SUFFIX}\0{SUFFIX}", f"\ud800{SUFFIX}", f"{'x' * 5000}{SUFFIX}", f"{'x/' * 3000}{SUFFIX}",
    f"C:\\secret{SUFFIX}", f"\\\\host\\share\\secret{SUFFIX}", f"CON{SUFFIX}", "/etc/passwd", "/dev/zero", "",
    f"file://{{root}}/outside/secret{SUFFIX}", f"%2e%2e/outside/secret{SUFFIX}", f"․․/outside/secret{SUFFIX}",
]  # fmt: skip


def surroundings(root: Path) -> dict[str, tuple]:
    """All files and folders but those where the pack may write: their kind, time and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        if (root / "output") in (path, *path.parents) or path.is_symlink():
            continue
        kept = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(root))] = (path.is_dir(), path.stat().st_mtime_ns, kept)
    return found


def built(root: Path) -> None:
    """A place where attention may be kept, and beside it what nobody may touch."""
    for name in ("input", "output", "outside", "output_beside"):
        (root / name).mkdir(exist_ok=True)
    secret = hostile_files.content(root / "outside", words=("secret", "b", "c"))
    (root / "outside" / f"secret{SUFFIX}").write_bytes(secret)
    (root / "input" / f"good{SUFFIX}").write_bytes(hostile_files.content(root / "outside"))
    for folder in ("input", "output"):
        (root / folder / "link").symlink_to(root / "outside")


@pytest.fixture
def root(tmp_path, monkeypatch):
    built(tmp_path)
    for name in ("input", "output"):
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    return tmp_path


def prefix_of(root: Path, prefix: str) -> str:
    return prefix.replace("{root}", str(root).lstrip("/") if prefix.startswith("/") else str(root))


def saved(prefix: str):
    return P2PSaveAttention.execute(attention=hostile_files.store(), latent=LATENT, filename_prefix=prefix)


@pytest.mark.parametrize("prefix", [*OUTSIDE, *NO_NAMES], ids=lambda prefix: ascii(prefix)[:40])
def test_a_name_that_leaves_the_output_folder_is_not_written(root, prefix):
    before = surroundings(root)
    with pytest.raises(P2PError) as caught:
        saved(prefix_of(root, prefix))
    assert "filename_prefix" in str(caught.value) or "could not be saved" in str(caught.value)
    assert surroundings(root) == before
    assert not [path for path in (root / "output").rglob("*") if path.is_file()]


@pytest.mark.parametrize("prefix", INSIDE, ids=lambda prefix: ascii(prefix)[:40])
def test_an_odd_name_is_written_inside(root, prefix):
    before = surroundings(root)
    entry = saved(prefix_of(root, prefix)).ui["attention"][0]
    path = root / "output" / entry["subfolder"] / entry["filename"]
    assert path.is_file() and path.resolve().is_relative_to(root / "output")
    assert surroundings(root) == before


@pytest.mark.parametrize("name", NO_FILES, ids=lambda name: ascii(name)[:40])
def test_a_file_outside_is_not_read(root, name):
    given = prefix_of(root, name)
    assert isinstance(P2PLoadAttention.validate_inputs(file=given), str)
    assert P2PLoadAttention.fingerprint_inputs(file=given) == ""
    with pytest.raises(P2PError) as caught:
        P2PLoadAttention.execute(file=given)
    assert 'secret", "b' not in str(caught.value)


def test_a_part_that_was_left_as_a_link_is_not_written_through(root):
    (root / "output" / f"x_00001_{SUFFIX}.part").symlink_to(root / "outside" / f"secret{SUFFIX}")
    before = surroundings(root)
    saved("x")
    assert surroundings(root) == before
    assert not (root / "output" / f"x_00001_{SUFFIX}").is_symlink()


class Http:
    """A server as anybody may ask it."""

    def __init__(self, running) -> None:
        self.url, self.folder = running.url, running.log.parent
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind} if body is not None else {})
        try:
            with self._opener.open(request, timeout=60) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (urllib.error.URLError, ConnectionError):  # it was refused before all of it was sent
            return 0, b""

    def run(self, prompt: dict) -> tuple[str, str]:
        """How a graph ended, and what was said of it."""
        status, answer = self.ask("/prompt", json.dumps({"prompt": prompt, "client_id": "hostile"}).encode())
        assert status in (200, 400), answer
        if status == 400:
            return "refused", answer.decode()
        identity = json.loads(answer)["prompt_id"]
        deadline = time.monotonic() + 120
        while identity not in (history := json.loads(self.ask(f"/history/{identity}")[1])):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        entry = history[identity]
        return entry["status"]["status_str"], json.dumps(entry)


@pytest.fixture(scope="module")
def http(server):
    made = Http(server)
    built(made.folder)
    return made


def graph(prefix: str, file: str = f"good{SUFFIX}") -> dict:
    return {
        "1": {"class_type": "P2PLoadAttention", "inputs": {"file": file}},
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "3": {
            "class_type": "P2PSaveAttention",
            "inputs": {"attention": ["1", 0], "latent": ["2", 0], "filename_prefix": prefix},
        },
    }


def watched(folder: Path) -> dict[str, tuple]:
    """The surroundings without what the host itself writes: its log, its data base and its temp folder."""
    own = ("server.log", "comfyui.db", "temp", "user")
    return {name: kept for name, kept in surroundings(folder).items() if name.split("/")[0] not in own and name != "."}


def test_over_http_nothing_outside_is_read_or_written(http):
    before = watched(http.folder)
    for prefix in [*OUTSIDE, *NO_NAMES]:
        outcome, said = http.run(graph(prefix_of(http.folder, prefix)))
        assert outcome != "success" and ("filename_prefix" in said or "could not be saved" in said), prefix
    for name in NO_FILES:
        outcome, said = http.run(graph("x", prefix_of(http.folder, name)))
        assert outcome == "refused" and '"secret", "b"' not in said, name
    assert not list((http.folder / "output").rglob(f"*{SUFFIX}"))
    for prefix in INSIDE:
        assert http.run(graph(prefix_of(http.folder, prefix)))[0] == "success", prefix
    assert watched(http.folder) == before


def test_the_host_shows_nothing_but_its_folders(http):
    """The pictures of the viewer are in the temp folder; the pack adds no address that gives files."""
    for name in ("../outside/secret" + SUFFIX, "/etc/passwd", f"{http.folder}/outside/secret{SUFFIX}", "\0"):
        for kind in ("temp", "output", "input"):
            for subfolder in ("", "..", "../outside", "link"):
                query = urllib.parse.urlencode({"filename": name, "subfolder": subfolder, "type": kind})
                status, content = http.ask(f"/view?{query}")
                assert status >= 400 and b"secret\\" not in content


def test_hostile_requests_are_answered_and_the_server_stays_awake(http):
    """While each is answered, another client's question is, too."""
    assert http.ask("/prompt_to_prompt/words", b'{"target": "a cat"}')[0] == 200
    waits, stop = [], threading.Event()

    def other_client():
        while not stop.is_set():
            begun = time.monotonic()
            assert http.ask("/queue")[0] == 200
            waits.append(time.monotonic() - begun)
            time.sleep(0.01)

    thread = threading.Thread(target=other_client)
    thread.start()
    try:
        for name, body in bodies().items():
            begun = time.monotonic()
            status, answer = http.ask("/prompt_to_prompt/words", body)
            assert time.monotonic() - begun < 20, name
            assert status in (200, 400) or (status == 0 and len(body) > 1_000_000), (name, status, answer[:300])
            if status == 400:
                assert 20 < len(json.loads(answer)["error"]) <= 2100, name
    finally:
        stop.set()
        thread.join()
    assert len(waits) > 20 and max(waits) < 5  # a busy machine may take seconds for anything


def test_many_at_once(http):
    """They wait for each other, and not the rest of the server for them."""
    body = json.dumps({"target": "(x) " * 700, "source": "y " * 1400}).encode()
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(http.ask("/prompt_to_prompt/words", body)[0]))
        for _ in range(count(200, 12))
    ]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    assert http.ask("/queue")[0] == 200
    assert time.monotonic() - begun < 10
    for thread in threads:
        thread.join()
    assert set(answers) == {200}
