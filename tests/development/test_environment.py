"""When the environment is made, made anew or only completed; nothing is installed here."""

import json

import pytest
from p2p.development import environment, paths, pins
from p2p.development.errors import UserError

WANTED = {"python": "3.11", "pins": "a", "extra": None}


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """An environment folder of the test's own, and a record of what would have been done."""
    done = []
    monkeypatch.setattr(paths, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(paths, "CACHE", tmp_path / ".cache")
    python = tmp_path / ".venv" / "python"
    monkeypatch.setattr(paths, "environment_python", lambda environment=None: python)
    monkeypatch.setattr(environment, "_make_empty_environment", lambda folder: (python.touch(), done.append("empty")))
    monkeypatch.setattr(environment, "_install_packages", lambda: done.append("packages"))
    monkeypatch.setattr(environment, "_install_extra", lambda file: done.append("extra"))
    monkeypatch.setattr(environment.missing_extensions, "mend", lambda python: done.append("mend"))
    return done


@pytest.fixture
def extra(tmp_path):
    """The requirements of another ComfyUI."""
    file = tmp_path / "requirements.txt"
    file.write_text("einops\n")
    return file


def test_pins_hash_ignores_comments_and_sees_versions(tmp_path):
    file = tmp_path / "pins.txt"
    hashes = []
    for text in ("# old\na==1\n", "a==1  # why\r\n\n", "a==2\n"):
        file.write_bytes(text.encode())
        hashes.append(pins.digest(file))
    assert hashes[0] == hashes[1] != hashes[2]


def test_every_requirement_is_pinned():
    pinned = {line.split("==")[0].lower() for line in pins.CONSTRAINTS.read_text().splitlines() if "==" in line}
    wanted = [line.split("#")[0].strip() for line in pins.REQUIREMENTS.read_text().splitlines()]
    names = {line.split("=")[0].split(">")[0].split("~")[0].split("[")[0].lower() for line in wanted if line}
    assert names - pinned == {"-r torch.txt"}
    torch = [line for line in pins.TORCH.read_text().splitlines() if "==" in line]
    assert set(torch) <= set(pins.CONSTRAINTS.read_text().splitlines())


def test_a_stamp_that_fits_means_nothing_to_do(sandbox):
    environment.ensure_environment()
    assert sandbox == ["empty", "packages", "mend"]
    sandbox.clear()
    environment.ensure_environment()
    assert sandbox == []


def test_a_changed_pin_makes_the_environment_anew(sandbox, monkeypatch):
    environment.ensure_environment()
    sandbox.clear()
    monkeypatch.setattr(pins, "digest", lambda *files: "other")
    environment.ensure_environment()
    assert sandbox == ["empty", "packages", "mend"]


def test_an_interrupted_set_up_starts_over(sandbox, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(environment, "_install_packages", interrupted)
        with pytest.raises(KeyboardInterrupt):
            environment.ensure_environment()
    sandbox.clear()
    environment.ensure_environment()
    assert sandbox == ["empty", "packages", "mend"]


def test_requirements_of_another_host_are_added_and_taken_back(sandbox, extra):
    environment.ensure_environment()
    sandbox.clear()
    environment.ensure_environment(extra)
    environment.ensure_environment(extra)
    assert sandbox == ["extra"]
    sandbox.clear()
    environment.ensure_environment()
    assert sandbox == ["packages"]


def test_interrupted_additions_are_repeated(sandbox, extra, monkeypatch):
    def interrupted(file):
        raise KeyboardInterrupt

    environment.ensure_environment()
    with monkeypatch.context() as patch:
        patch.setattr(environment, "_install_extra", interrupted)
        with pytest.raises(KeyboardInterrupt):
            environment.ensure_environment(extra)
    sandbox.clear()
    environment.ensure_environment(extra)
    assert sandbox == ["packages", "extra"]


def test_an_environment_of_someone_else_is_left_alone(sandbox):
    paths.ENVIRONMENT.mkdir()
    precious = paths.ENVIRONMENT / "precious"
    precious.touch()
    with pytest.raises(UserError, match=r"was not made by dev\.py"):
        environment.ensure_environment()
    assert precious.exists()
    assert sandbox == []


def test_a_full_disk_is_said_before_anything_is_made(sandbox, monkeypatch):
    monkeypatch.setattr(environment, "NEEDED_BYTES", 1 << 62)
    with pytest.raises(UserError, match="There is no space"):
        environment.ensure_environment()
    assert sandbox == []


def test_a_python_that_is_gone_means_a_new_environment(tmp_path):
    assert environment.needs_rebuild(WANTED, WANTED, tmp_path / "gone")
    python = tmp_path / "python"
    python.touch()
    assert not environment.needs_rebuild(WANTED, WANTED, python)
    assert environment.needs_rebuild({**WANTED, "python": "3.10"}, WANTED, python)
    assert environment.needs_rebuild(environment.UNFINISHED, WANTED, python)


def test_a_broken_stamp_counts_as_unfinished(tmp_path):
    (tmp_path / environment.STAMP).write_text("{")
    assert environment.read_stamp(tmp_path) == environment.UNFINISHED
    environment.write_stamp(tmp_path, WANTED)
    assert environment.read_stamp(tmp_path) == WANTED
    assert json.loads((tmp_path / environment.STAMP).read_text()) == WANTED
