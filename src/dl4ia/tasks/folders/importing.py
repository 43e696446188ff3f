"""From a folder of one's own to the two arrays of a task, as `tasks.preparation` does it with published files."""

from pathlib import Path
from typing import TYPE_CHECKING

from dl4ia.base import atomic_files

if TYPE_CHECKING:
    from dl4ia.tasks.folders.task import FolderTask


def import_folder(task: "FolderTask", folder: Path, datasets: Path) -> None:
    """Write `<task>-train.npz`, `<task>-test.npz` and `<task>-source.json` to `datasets`; raises DataError.

    The folder of images is only read, and all of it before anything is written.
    """
    sets = {partition: task.read(folder, parts) for partition, parts in task.parts.items()}
    digests = {}
    for partition, images in sets.items():
        path = datasets / f"{task.name}-{partition}.npz"
        images.save(path)
        digests[partition] = atomic_files.digest(path)
    source = {"source": f"the folder {task.dataset.folder}", "sha256": digests}
    atomic_files.write_json(datasets / f"{task.name}-source.json", source)
    counts = ", ".join(f"{len(images)} images to {partition} on" for partition, images in sets.items())
    print(f"{task.name}: {folder}, {counts}")  # noqa: T201
