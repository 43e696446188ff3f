"""What the page of `dvc plots show` needs to be drawn without a network: `python -m pipeline.offline_plots`."""

from pathlib import Path

from dl4ia.base import atomic_files
from dl4ia.report.html.vega import vega_script

_SCRIPT = Path(__file__).parents[1] / ".dvc" / "plots" / "vega.js"

if __name__ == "__main__":
    atomic_files.write(_SCRIPT, vega_script().encode())
