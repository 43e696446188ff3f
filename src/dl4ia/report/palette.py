"""Colours and lines of variants side by side: six of Okabe and Ito, which colour-blind readers can tell apart."""

CATEGORIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", ":", "-.")  # once all colours are taken


def look(index: int) -> tuple[str, str]:
    """Return colour and line of the variant with that number; no two of the first 24 look alike."""
    return CATEGORIES[index % len(CATEGORIES)], LINES[index // len(CATEGORIES) % len(LINES)]
