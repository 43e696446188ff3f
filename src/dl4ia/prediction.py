"""Networks applied to pictures from anywhere: `dl4ia predict`."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
from PIL import Image
from tqdm import tqdm

from dl4ia import config
from dl4ia.base import atomic_files
from dl4ia.base.errors import ConfigError, DataError, UserError
from dl4ia.base.registry import suggestion
from dl4ia.data.pictures import SUFFIXES, read_picture
from dl4ia.runs.layout import Layout
from dl4ia.runs.saved_model import SavedModel, champion_folder
from dl4ia.tasks import TASKS
from dl4ia.tasks.predictor import Prediction, predictor_of

TABLE = "predictions.csv"


def predict(given: Sequence[Path], model: str, folder: Path, microns_per_pixel: float | None = None) -> pd.DataFrame:
    """Apply a model to image files, and to those in folders; write a table and pictures to `folder`, return the table.

    The table in `folder` keeps the rows of other images, whose pictures are there.
    `model` is the name of a task, whose champion is in `models/`, that of a variant, or a folder with a model or run.
    Raises UserError where `folder` has some of the files, and at the end one that names each file that could not be
    read; all others are done.
    """
    files = list(_files(given))
    if any(path.resolve().parent == folder.resolve() for path in files):
        raise UserError(f"--out {folder}: images are there, which results could replace: name another folder")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder}: it is a file: name a folder")
    network = load_model(model)
    predictor = predictor_of(network.task, microns_per_pixel)
    rows, faults = [], []
    for path in tqdm(files, "predicting", unit="image", disable=None, leave=False):
        try:
            picture = read_picture(path)
            prediction = predictor.predict(picture, network.probabilities)
        except DataError as error:
            faults.append(str(error) if str(error).startswith(str(path)) else f"{path}: {error}")
            continue
        _write(prediction, folder, path.stem)
        rows.append({"image": path.name, "width": picture.shape[1], "height": picture.shape[0], **prediction.row})
    table = pd.DataFrame(rows)
    if rows:
        atomic_files.write_csv(folder / TABLE, _with_earlier(folder / TABLE, table))
    if faults:
        raise UserError(f"{len(rows)} of {len(files)} images are done ({folder}), not these: {'; '.join(faults)}")
    return table


def load_model(name: str) -> SavedModel:
    """Return the champion of a task, the first run of a variant, or what is in a folder; raises UserError."""
    for folder in (Path(name), champion_folder(name), *_installed(name)):
        if (folder / "config.json").is_file():
            if not (folder / "use.json").exists():  # a run, perhaps of a task that params.yaml makes known
                with suppress(ConfigError):
                    config.load()
            return SavedModel.load(folder)
    params = config.load()
    if name in TASKS:
        folder = champion_folder(name)
        raise UserError(
            f"{folder} is missing: `git checkout -- {folder}` restores it, `dvc repro champion@{name}` makes it"
        )
    known = [*TASKS, *params.rows]
    if name not in params.rows:
        raise ConfigError(
            f"network {name!r} is unknown{suggestion(name, known)}; expected a folder with config.json and "
            f"model.safetensors, or one of {', '.join(known)}"
        )
    if name in params.ensembles:
        members = ", ".join(params.ensembles[name].members)
        raise UserError(f"{name} is an ensemble: name one of its members, {members}")
    variant = params.variant(name)
    run = Layout().run(name, variant.settings.seeds[0])
    if not run.path.exists():
        raise UserError(f"{run.path} is missing: `{variant.training_command(name)}` trains it")
    return SavedModel.load(run.path, variant)


def _installed(task: str) -> Iterator[Path]:
    """Yield the folder of a task's champion that was installed with this package, outside of a working copy."""
    if Path("dvc.yaml").exists():
        return
    for file in distribution("dl4ia").files or ():
        if file.parts[-3:] == ("models", task, "config.json"):
            yield Path(str(file.locate())).resolve().parent


def _files(given: Sequence[Path]) -> Iterator[Path]:
    """Yield files, in folders those with the name of an image; raises DataError for none, and for a name twice."""
    seen: dict[str, Path] = {}
    for path in given:
        inside = [path]
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
            if not inside:
                raise DataError(f"{path}: there is no image in this folder ({', '.join(SUFFIXES)})")
        for each in inside:
            if each.stem in seen:
                raise DataError(f"{seen[each.stem]} and {each} would have the same results: predict them apart")
            seen[each.stem] = each
            yield each


def _with_earlier(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that is there, of other images, and then those of this one."""
    try:
        earlier = pd.read_csv(path, dtype={"image": str})
    except (FileNotFoundError, ValueError):  # none, or no table
        return table
    if list(earlier) != list(table):  # of another kind of network
        return table
    return pd.concat([earlier[~earlier["image"].isin(table["image"])], table], ignore_index=True)


def _write(prediction: Prediction, folder: Path, stem: str) -> None:
    for name, pixels in prediction.pictures.items():
        with atomic_files.replacing(folder / f"{stem}-{name}.png") as file:
            Image.fromarray(pixels).save(file, format="PNG")
