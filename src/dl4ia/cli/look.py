"""Commands that show results and apply networks."""

from pathlib import Path
from typing import Annotated

import typer

from dl4ia.cli.app import Json, Rows, command

_PANEL = "Look at results, apply networks"

ModelName = Annotated[
    str,
    typer.Option(metavar="NAME", help="a task, for its champion, a variant, or the folder of a model"),
]


@command(_PANEL, "list")
def list_(*, as_json: Json = False) -> None:
    """List variants and studies with their results."""
    from dl4ia.cli.tables import show  # noqa: PLC0415
    from dl4ia.overview import overview, readable  # noqa: PLC0415
    from dl4ia.stages import here  # noqa: PLC0415

    pipeline = here()
    show(overview(pipeline.params, pipeline.layout), as_json=as_json, readable=readable)


@command(_PANEL)
def compare(
    names: Rows,
    out: Annotated[Path, typer.Option(metavar="FILE", help="for the picture of the curves")] = Path(
        "out/comparison.png"
    ),
    *,
    as_json: Json = False,
) -> None:
    """Compare results of variants on the same test images: differences with 95 % intervals, and curves."""
    from dl4ia.cli.tables import show  # noqa: PLC0415
    from dl4ia.comparison import compare, left_out, readable  # noqa: PLC0415
    from dl4ia.stages import here  # noqa: PLC0415

    pipeline = here()
    table = compare(names, pipeline.params, pipeline.layout, out)
    if as_json or len(table):
        show(table, as_json=as_json, readable=readable)
    if not as_json:
        for name in left_out(names, table) if len(table) else ():
            print(f"{name}: no run trained, so that it is not compared")  # noqa: T201
        print(f"curves of the runs that trained: {out}" if len(table) else "no two of them have runs that trained")  # noqa: T201


@command(_PANEL)
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="BMP, JPEG, PNG, TIFF, or folders of them")],
    model: ModelName = "warwick",
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="for the results")] = Path("predictions"),
    microns_per_pixel: Annotated[
        float | None, typer.Option(metavar="X", help="of pictures of tissue (default: 0.62, as at 20x)")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Apply a network to pictures: glands in tissue, digits, or what a dataset of one's own asks for."""
    from dl4ia.cli.tables import show  # noqa: PLC0415
    from dl4ia.prediction import TABLE, predict  # noqa: PLC0415

    show(predict(images, model, out, _positive("--microns-per-pixel", microns_per_pixel)), as_json=as_json)
    if not as_json:
        print(f"pictures, and this table as {TABLE}, are in {out}")  # noqa: T201


@command(_PANEL)
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a task, for its champion, a variant, or a folder")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="default: NAME.onnx")] = None,
) -> None:
    """Write a network as ONNX, for programs without PyTorch: raw images in, probabilities out."""
    from dl4ia.export import export  # noqa: PLC0415

    path = export(name, out or Path(f"{Path(name).resolve().name}.onnx"))
    print(f"{path}: checked with onnxruntime, which gives the probabilities that PyTorch gives")  # noqa: T201


def _positive(option: str, number: float | None) -> float | None:
    if number is not None and not 0 < number < float("inf"):
        raise typer.BadParameter(f"got {number}, expected a number above 0", param_hint=option)
    return number
