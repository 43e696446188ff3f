"""What the page of `dvc plots show` needs to be drawn without a network: `python -m pipeline.offline_plots`."""

from pathlib import Path

import vl_convert

_SCRIPT = Path(__file__).parents[1] / ".dvc" / "plots" / "vega.js"


def main() -> None:
    """Write .dvc/plots/vega.js: Vega, Vega-Lite and Vega-Embed, as Python's package vl-convert has them."""
    modules = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    _SCRIPT.write_text(f"(() => {{\n{modules}\n}})();\n", encoding="utf-8")


if __name__ == "__main__":
    main()
