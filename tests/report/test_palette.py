"""Colours that stand for variants and parts are told apart by colour-blind readers, too: by simulation."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from dl4ia.report.palette import CATEGORIES, look
from dl4ia.tasks.figures import BLUE, FALSE_POSITIVE, GRAY, GREEN, MISSED, VERMILLION

# Machado, Oliveira and Fernandes (2009), doi 10.1109/TVCG.2009.113: complete lack of a cone, on linear RGB.
SIMULATIONS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
DISTINCT = 10  # CIEDE2000: differences from 2 on are seen side by side, and a line is thin
TOGETHER = {
    "variants": CATEGORIES,
    "parts and reported values": (BLUE, VERMILLION, GRAY),
    "test sets and reported values": (BLUE, GREEN, VERMILLION),
    "errors over tissue": (MISSED, FALSE_POSITIVE, GRAY),
}


def seen(colour, matrix):
    """Return a colour as Lab, as somebody without a kind of cones sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    simulated = np.clip(np.array(matrix) @ linear, 0, 1)
    encoded = np.where(simulated <= 0.0031308, simulated * 12.92, 1.055 * simulated ** (1 / 2.4) - 0.055)
    return rgb2lab(encoded)


@pytest.mark.parametrize("kind", [*SIMULATIONS, "all cones"])
@pytest.mark.parametrize("colours", TOGETHER)
def test_colours_that_are_shown_together_differ_for_colour_blind_readers(colours, kind):
    matrix = SIMULATIONS.get(kind, np.eye(3))
    for one, other in combinations(TOGETHER[colours], 2):
        assert deltaE_ciede2000(seen(one, matrix), seen(other, matrix)) > DISTINCT, (one, other)


def test_the_green_and_the_red_of_matplotlib_would_be_refused():
    matrix = SIMULATIONS["deuteranopia"]
    assert deltaE_ciede2000(seen("tab:green", matrix), seen("tab:red", matrix)) < DISTINCT


def test_no_two_of_two_dozen_variants_look_alike():
    assert len({look(index) for index in range(24)}) == 24
