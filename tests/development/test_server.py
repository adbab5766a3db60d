"""How the server is started, watched and stopped; a small program stands in for ComfyUI."""

import itertools
import os
import sys
import textwrap
import time

import pytest
from p2p.development import pack_link, paths, process_tree, server
from p2p.development.errors import UserError
from p2p.development.host import Host

ANSWERING = """
    import http.server, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
    port = int(sys.argv[sys.argv.index("--port") + 1])
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

SLEEPING = "import time; time.sleep(60)"
CHILD = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    print("ready", flush=True)
    time.sleep(0.02)
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
child.wait()
"""


@pytest.fixture
def host(tmp_path):
    """Make a host of this program text."""

    def make(text):
        folder = tmp_path / "host"
        folder.mkdir()
        (folder / "main.py").write_text(textwrap.dedent(text))
        (folder / "comfyui_version.py").write_text('__version__ = "1.2.3"\n')
        return Host(folder, sys.executable)

    return make


def test_command_line(host, tmp_path):
    checkpoint = tmp_path / "models" / "sdxl.safetensors"
    options = server.ServerOptions(tmp_path, cpu=True, output=tmp_path / "out", checkpoint=checkpoint)
    command = server.command_line(host(""), options, 8190)
    pairs = dict(itertools.pairwise(command))
    assert pairs["--listen"] == "127.0.0.1"
    assert pairs["--port"] == "8190"
    assert pairs["--base-directory"] == str(tmp_path)
    assert pairs["--output-directory"] == str(tmp_path / "out")
    assert "--cpu" in command
    yaml = pytest.importorskip("yaml")
    with open(pairs["--extra-model-paths-config"], encoding="utf-8") as file:
        assert yaml.safe_load(file) == {"demo": {"checkpoints": str(checkpoint.parent)}}


def test_command_line_without_extras(host, tmp_path):
    command = server.command_line(host(""), server.ServerOptions(tmp_path), 8190)
    assert not {"--cpu", "--output-directory", "--extra-model-paths-config"} & set(command)


def test_variables_of_the_server():
    assert server.variables({"PYTHONPATH": "x", "A": "b"}) == {
        "A": "b",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def test_version_of_the_host(host, tmp_path):
    assert host("").version == "1.2.3"


def test_the_server_is_stopped_and_the_pack_hidden_after_a_failure(host, tmp_path):
    base = tmp_path / "base"
    options = server.ServerOptions(base)
    with pytest.raises(KeyboardInterrupt), server.running_server(host(ANSWERING), options) as running:
        assert server.answers(running.url)
        assert (base / "custom_nodes" / pack_link.NAME / "__init__.py").exists()
        raise KeyboardInterrupt
    assert running.process.poll() is not None
    assert not server.answers(running.url)
    assert list((base / "custom_nodes").iterdir()) == []
    assert (paths.ROOT / "__init__.py").exists()


def test_a_server_that_ends_shows_its_log(host, tmp_path):
    with (
        pytest.raises(UserError, match="the last words") as error,
        server.running_server(host("raise SystemExit('the last words')"), server.ServerOptions(tmp_path / "base")),
    ):
        pass
    assert str(error.value).startswith("ComfyUI ended while it started")


def test_a_pack_that_cannot_be_loaded_is_said(host, tmp_path):
    report = f"print('the cause'); print('   0.1 seconds (IMPORT FAILED): /x/{pack_link.NAME}', flush=True)"
    text = textwrap.dedent(ANSWERING).replace("port =", f"{report}\nport =")
    options = server.ServerOptions(tmp_path / "base")
    expected = r"could not load the pack.*\n  the cause$"
    with pytest.raises(UserError, match=expected), server.running_server(host(text), options):
        pass


def test_a_server_that_hangs_is_given_up(host, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "START_SECONDS", 0.1)
    options = server.ServerOptions(tmp_path / "base")
    with pytest.raises(UserError, match="did not answer"), server.running_server(host(SLEEPING), options):
        pass


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_whole_tree_of_processes_ends(tmp_path):
    """A child that ignores the polite request ends too."""
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    log_file = tmp_path / "log"
    with log_file.open("wb") as log:
        process = process_tree.start([sys.executable, str(program)], tmp_path, dict(os.environ), log)
        while "ready" not in log_file.read_text():
            time.sleep(0.02)
        process_tree.end(process)
    size = log_file.stat().st_size
    time.sleep(0.2)
    assert log_file.stat().st_size == size


def test_a_copy_of_the_pack_where_links_are_not_allowed(tmp_path, monkeypatch):
    def refused(pack, place):
        raise OSError("no rights")

    monkeypatch.setattr(pack_link, "_link", refused)
    monkeypatch.setattr(pack_link, "_junction", refused)
    pack = tmp_path / "any name"
    for file in ("__init__.py", "nodes/a.py", ".venv/big", "output/picture.png"):
        (pack / file).parent.mkdir(parents=True, exist_ok=True)
        (pack / file).touch()
    place = pack_link.show_pack(pack, tmp_path / "custom_nodes")
    assert sorted(path.name for path in place.iterdir()) == ["__init__.py", "nodes"]
    pack_link.hide_pack(place)
    assert not place.exists()
    assert (pack / "nodes" / "a.py").exists()
