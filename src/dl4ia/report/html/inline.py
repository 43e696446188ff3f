"""Bold text and code in the sentences of the report, as HTML."""

import re

from markupsafe import Markup, escape

_PATTERNS = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(\d[\d.]* ± \d[\d.]*|\[[^][]{1,24}\])"), r'<span class="nowrap">\1</span>'),
)


def inline(text: str) -> Markup:
    """Return text as HTML: `code`, **bold**, `mean ± sd` and `[low, high]` on one line, all else escaped."""
    html = str(escape(text))
    for pattern, replacement in _PATTERNS:
        html = pattern.sub(replacement, html)
    return Markup(html)  # noqa: S704 (escaped above)
