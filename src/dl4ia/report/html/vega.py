"""The scripts that draw charts in a browser, without a network."""

import functools


@functools.cache
def vega_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, which may stand in a page; seconds of work, once a process.

    They are those that Python's package vl-convert has.
    """
    import vl_convert  # noqa: PLC0415 (optional: of the extra `pipeline`)

    modules: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return f"(() => {{\n{modules}\n}})();".replace("</script", "<\\/script")
