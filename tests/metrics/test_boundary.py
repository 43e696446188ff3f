import numpy as np
import pytest
import torch

from dl4ia.metrics.boundary import boundary_dice, near_edge
from dl4ia.metrics.segmentation import count, dice


def half(side=12):
    mask = torch.zeros(side, side).long()
    mask[:, : side // 2] = 1
    return mask


def test_pixels_near_an_edge_are_those_on_both_sides_of_it():
    columns = near_edge(half(), width=2)[0].nonzero().flatten().tolist()
    assert columns == [4, 5, 6, 7]


def test_the_border_of_the_image_is_no_edge():
    assert not near_edge(half(), width=3)[:, 0].any()


def test_errors_far_from_edges_do_not_count():
    wrong = half()
    wrong[0, 0] = 0
    wrong[0, 11] = 1
    assert boundary_dice(wrong[None], half()[None]).item() == 1


def test_a_shifted_edge_worked_out_by_hand():
    """6 columns are near the edge, of which 3 are foreground; one column too many: 2*3 / (2*3 + 1)."""
    shifted = half()
    shifted[:, 6] = 1
    assert boundary_dice(shifted[None], half()[None]).item() == pytest.approx(6 / 7)


def test_an_image_without_an_edge_is_measured_as_a_whole():
    predicted = torch.ones(1, 8, 8).long()
    predicted[0, 0, 0] = 0
    full = torch.ones(1, 8, 8).long()
    assert boundary_dice(predicted, full) == dice(count(predicted, full))
    assert boundary_dice(torch.zeros(1, 8, 8).long(), torch.zeros(1, 8, 8).long()).item() == 1


@pytest.mark.parametrize("seed", range(5))
def test_distances_are_those_to_the_nearest_pixel_of_the_other_class(seed):
    rng = np.random.default_rng(seed)
    mask = torch.from_numpy(rng.random((9, 9)) < 0.2).long()
    for width in (1, 2, 3):
        near = near_edge(mask, width)
        for y, x in np.ndindex(9, 9):
            others = np.argwhere(mask.numpy() != int(mask[y, x]))
            assert bool(near[y, x]) == (np.hypot(others[:, 0] - y, others[:, 1] - x).min() <= width)
