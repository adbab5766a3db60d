"""The pictures that a demo leaves behind: a contact sheet per trial, sheets of several, and every single picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy
from PIL import Image

from .sheets import Column, contact_sheet
from .studio import Shot
from .trials import TITLES, Trial


def save(trial: Trial, source: Shot, shots: Mapping[str, Shot], rows: Sequence[str], folder: Path) -> list[str]:
    """Write the sheet and the single pictures of a trial; return their names, the sheet first."""
    prompts = {arm.key: arm.prompt for arm in trial.arms}
    columns = [Column("source", trial.source, source.pictures)]
    columns += [Column(TITLES[arm], prompts[arm], shot.pictures) for arm, shot in shots.items()]
    names = [save_sheet(folder, trial.name, columns, rows)]
    for arm, shot in {"source": source, **shots}.items():
        names += save_singles(folder, trial.name, arm, shot.pictures)
    return names


def save_sheet(folder: Path, name: str, columns: Sequence[Column], rows: Sequence[str]) -> str:
    """Write one contact sheet and return its name."""
    file = f"{name}.png"
    contact_sheet(columns, rows).save(folder / file)
    return file


def save_singles(folder: Path, name: str, arm: str, pictures: Sequence[numpy.ndarray]) -> list[str]:
    """Write every picture of one arm and return their names, ``cat_to_dog/01_p2p.png``."""
    (folder / name).mkdir(exist_ok=True)
    names = [f"{name}/{row:02}_{arm}.png" for row in range(1, len(pictures) + 1)]
    for file, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture).save(folder / file)
    return names


class Strips:
    """Sheets of several trials of one source beside each other: the source, then each edit by Prompt-to-Prompt.

    On a curve the source stands where its value, 1, belongs.
    """

    def __init__(self, folder: Path, rows: Sequence[str]) -> None:
        self._folder = folder
        self._rows = rows
        self._columns: dict[str, list[tuple[float, Column]]] = {}

    def add(self, trial: Trial, source: Shot, made: Shot) -> None:
        """Take note of a trial's pictures, if it is shown on a strip."""
        if trial.strip is None:
            return
        on_curve = trial.value is not None
        beginning = (1.0 if on_curve else 0.0, Column("source", trial.source, source.pictures))
        columns = self._columns.setdefault(trial.strip, [beginning])
        columns.append((trial.value if on_curve else float(len(columns)), Column("P2P", trial.target, made.pictures)))

    def name_of(self, trial: Trial) -> str | None:
        """Return the name of the file that shows the trial."""
        return f"{trial.strip}.png" if trial.strip else None

    def save(self) -> None:
        """Write every strip."""
        for name, columns in self._columns.items():
            ordered = [column for _, column in sorted(columns, key=lambda entry: entry[0])]
            save_sheet(self._folder, name, ordered, self._rows)
