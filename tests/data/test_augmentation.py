"""Each augmentation alone, and what all of them promise."""

import math
from typing import Annotated

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.nn import functional

from dl4ia.base.errors import ConfigError
from dl4ia.data.augmentation import AUGMENTATIONS, Affine, AugmentationConfig, Elastic, Flips, QuarterTurns, StainJitter
from dl4ia.data.augmentation.geometry import _affine_grid, _spline

SETTINGS = {
    "flips": {},
    "quarter-turns": {},
    "affine": {"degrees": 180, "scale": 0.2, "shear": 5, "shift": 0.1, "probability": 0.9},
    "elastic": {"strength": 2, "smoothness": 12},
    "stain-jitter": {"scale": 0.2, "shift": 0.3},
}


def load(section: dict) -> AugmentationConfig:
    """Read a section as params.yaml would hold it."""
    return TypeAdapter(Annotated[AugmentationConfig, AUGMENTATIONS.validator]).validate_python(section)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramps(count: int, height: int, width: int) -> torch.Tensor:
    """Images (n, 2, h, w) of each pixel's own x and y: interpolated, they show where a pixel came from."""
    x, y = (torch.arange(side) - (side - 1) / 2 for side in (width, height))
    return torch.stack([x.expand(height, width), y.view(-1, 1).expand(height, width)]).repeat(count, 1, 1, 1)


def discs(count: int, side: int) -> torch.Tensor:
    """Masks (n, s, s), each of one disc that is not in the middle."""
    x, y = ramps(count, side, side).unbind(1)
    return ((x - side / 8).square() + (y - side / 5).square() < (side / 4) ** 2).long()


@pytest.mark.parametrize("kind", list(AUGMENTATIONS))
class TestEveryAugmentation:
    def test_repeats_itself_to_the_bit_from_the_state_of_its_generator_alone(self, kind: str):
        augmentation, source = load({"kind": kind, **SETTINGS[kind]}), generator()
        images, masks = torch.randn(6, 2, 32, 32), discs(6, 32)
        augmentation.apply(images, masks, source)
        state = source.get_state()
        first = augmentation.apply(images, masks, source)
        source.set_state(state)
        torch.randn(3)
        again = augmentation.apply(images, masks, source)
        assert all(map(torch.equal, first, again))

    def test_leaves_the_global_random_state_alone(self, kind: str):
        before = torch.get_rng_state()
        load({"kind": kind, **SETTINGS[kind]}).apply(torch.zeros(6, 2, 32, 32), discs(6, 32), generator())
        assert torch.equal(torch.get_rng_state(), before)

    def test_draws_as_many_random_numbers_whatever_their_values(self, kind: str):
        augmentation, left = load({"kind": kind, **SETTINGS[kind]}), set()
        for seed in range(20):
            source = generator(seed)
            augmentation.apply(torch.zeros(6, 2, 32, 32), discs(6, 32), source)
            left.add(source.get_state()[8:12].view(torch.int32).item())  # what the Mersenne Twister has left
        assert len(left) == 1
        assert left != {generator().get_state()[8:12].view(torch.int32).item()}

    def test_changes_each_image_by_its_own_draw(self, kind: str):
        images = torch.randn(1, 2, 32, 32).repeat(12, 1, 1, 1)
        changed, _ = load({"kind": kind, **SETTINGS[kind]}).apply(images, torch.zeros(12).long(), generator())
        assert len({image.numpy().tobytes() for image in changed}) > 2

    def test_does_not_change_what_it_is_given(self, kind: str):
        images, masks = torch.randn(6, 2, 32, 32), discs(6, 32)
        images_before, masks_before = images.clone(), masks.clone()
        load({"kind": kind, **SETTINGS[kind]}).apply(images, masks, generator())
        assert torch.equal(images, images_before)
        assert torch.equal(masks, masks_before)

    def test_leaves_labels_of_whole_images_alone(self, kind: str):
        labels = torch.arange(6)
        images, unchanged = load({"kind": kind, **SETTINGS[kind]}).apply(torch.rand(6, 1, 28, 28), labels, generator())
        assert torch.equal(unchanged, torch.arange(6))
        assert (images.shape, images.dtype) == ((6, 1, 28, 28), torch.float32)

    def test_changes_a_mask_as_its_image(self, kind: str):
        masks = discs(20, 64)
        images, changed = load({"kind": kind, **SETTINGS[kind]}).apply(masks.unsqueeze(1).float(), masks, generator())
        assert changed.dtype == torch.int64
        middle = (images.amax((1, 2, 3), keepdim=True) + images.amin((1, 2, 3), keepdim=True)) / 2
        differing = ((images > middle).squeeze(1).long() != changed).float().mean((1, 2))
        assert differing.max() < 0.01  # the nearest pixel and the interpolated one may differ at the disc's edge

    @pytest.mark.gpu
    def test_does_the_same_on_a_gpu(self, kind: str):
        augmentation, images, masks = load({"kind": kind, **SETTINGS[kind]}), torch.randn(6, 2, 32, 32), discs(6, 32)
        on_cpu, _ = augmentation.apply(images, masks, generator())
        on_gpu, _ = augmentation.apply(images.cuda(), masks.cuda(), generator())
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=0.01, rtol=0.01)


def test_the_settings_above_cover_every_augmentation():
    assert set(SETTINGS) == set(AUGMENTATIONS)


@pytest.mark.parametrize(
    ("augmentation", "expected"),
    [
        (Flips(kind="flips"), lambda image: [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]),
        (QuarterTurns(kind="quarter-turns"), lambda image: [np.rot90(image, turns) for turns in range(4)]),
    ],
)
def test_each_symmetry_is_equally_likely(augmentation: AugmentationConfig, expected):
    image = torch.rand(5, 5)
    changed, _ = augmentation.apply(image.repeat(4000, 1, 1, 1), torch.zeros(4000).long(), generator())
    names = {view.tobytes(): position for position, view in enumerate(expected(image.numpy()))}
    shares = np.bincount([names[one.numpy().tobytes()] for one in changed], minlength=4) / 4000
    assert shares == pytest.approx([0.25] * 4, abs=0.03)


def test_quarter_turns_of_images_that_are_not_square_are_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"^augmentation quarter-turns needs square images, not 4x6: remove it$"):
        QuarterTurns(kind="quarter-turns").apply(torch.rand(2, 1, 4, 6), torch.zeros(2).long(), generator())


def transformations(affine: Affine, height: int, width: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return what `affine` did to images: matrices (n, 2, 2) from result to image and shifts (n, 2), in pixels."""
    images = ramps(count, height, width)
    sampled, _ = affine.apply(images, torch.zeros(count).long(), generator())
    window = (slice(None), slice(None), *(slice(side // 2 - 4, side // 2 + 4) for side in (height, width)))
    places = functional.pad(images[window][0].flatten(1), (0, 0, 0, 1), value=1).T
    solved = torch.linalg.lstsq(places.expand(count, -1, -1), sampled[window].flatten(2).mT).solution.mT
    matrices, offsets = solved[..., :2].numpy(), solved[..., 2:].numpy()
    return matrices, -np.linalg.solve(matrices, offsets).squeeze(2)


def test_affine_rotates_scales_shears_and_shifts_by_all_that_its_limits_allow():
    affine = Affine(kind="affine", degrees=30, scale=0.2, shear=10, shift=0.1)
    matrices, shifts = transformations(affine, 64, 64)
    angles = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    sizes = 1 / np.hypot(matrices[:, 1, 0], matrices[:, 0, 0])
    cos, sin = np.cos(np.radians(angles)), np.sin(np.radians(angles))
    shears = np.degrees(np.arctan((cos * matrices[:, 0, 1] + sin * matrices[:, 1, 1]) * sizes))
    np.testing.assert_allclose(np.linalg.det(matrices), sizes**-2, rtol=1e-3)
    for values, low, high in ((angles, -30, 30), (sizes, 0.8, 1.2), (shears, -10, 10), (shifts / 64, -0.1, 0.1)):
        span = high - low
        assert low - 1e-3 * span <= values.min() < low + 0.05 * span
        assert high - 0.05 * span < values.max() <= high + 1e-3 * span
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.06 * span)


def test_a_rotation_keeps_distances_in_an_image_that_is_not_square():
    matrices, _ = transformations(Affine(kind="affine", degrees=180), 24, 64)
    np.testing.assert_allclose(matrices @ matrices.swapaxes(1, 2), np.tile(np.eye(2), (300, 1, 1)), atol=1e-3)


def test_affine_with_no_limits_changes_nothing():
    images, masks = torch.randn(4, 2, 28, 28), discs(4, 28)
    changed, changed_masks = Affine(kind="affine").apply(images, masks, generator())
    torch.testing.assert_close(changed, images, atol=1e-4, rtol=1e-4)
    assert torch.equal(changed_masks, masks)


def test_affine_leaves_as_many_images_alone_as_its_probability_says():
    images = torch.randn(800, 1, 8, 8)
    affine = Affine(kind="affine", degrees=90, shift=0.2, probability=0.25)
    changed, _ = affine.apply(images, torch.zeros(800).long(), generator())
    assert ((changed - images).abs().amax((1, 2, 3)) > 1e-3).float().mean() == pytest.approx(0.25, abs=0.05)


def test_what_an_affine_transformation_brings_in_is_a_reflection():
    image = torch.arange(1.0, 9.0).expand(1, 1, 8, 8)
    shifted, _ = Affine(kind="affine", shift=0.5).apply(image.repeat(50, 1, 1, 1), torch.zeros(50).long(), generator())
    assert shifted.min() >= 1 - 1e-4  # zeros would be less
    assert not torch.allclose(shifted, image.repeat(50, 1, 1, 1), atol=0.5)


def test_the_grid_of_an_affine_transformation_is_pytorch_s():
    matrices = torch.randn(5, 2, 3)
    expected = functional.affine_grid(matrices, [5, 1, 7, 12], align_corners=False)
    torch.testing.assert_close(_affine_grid(matrices, 7, 12), expected)


def test_the_interpolation_of_displacements_is_pytorch_s_bicubic_one():
    coarse = torch.randn(3, 2, 4, 6)
    expected = functional.interpolate(coarse, size=(20, 33), mode="bicubic", align_corners=True)
    torch.testing.assert_close(_spline(20, 4) @ coarse @ _spline(33, 6).T, expected)


def displacements(elastic: Elastic, height: int, width: int) -> torch.Tensor:
    """Return the displacements (n, 2, h, w) of many images, in pixels; those near the border are reflected."""
    images = ramps(100, height, width)
    return elastic.apply(images, torch.zeros(100).long(), generator())[0] - images


def test_strength_is_the_standard_deviation_of_elastic_displacements_in_pixels():
    moved = displacements(Elastic(kind="elastic", strength=1.5, smoothness=8), 65, 129)[..., 16:-16:8, 16:-16:8]
    assert moved.std(dim=(0, 2, 3)).numpy() == pytest.approx([1.5, 1.5], rel=0.05)
    assert moved.mean().item() == pytest.approx(0, abs=0.05)
    both = moved.transpose(0, 1).flatten(1)
    assert torch.corrcoef(both)[0, 1].item() == pytest.approx(0, abs=0.05)


def test_a_field_of_twice_the_smoothness_is_half_as_steep():
    steep, flat = (
        displacements(Elastic(kind="elastic", strength=1, smoothness=smoothness), 97, 97)[..., 8:-8, 8:-8].diff().std()
        for smoothness in (8, 16)
    )
    assert float(steep / flat) == pytest.approx(2, rel=0.1)
    assert flat < 0.15


def test_an_elastic_deformation_of_no_strength_changes_nothing():
    images = torch.randn(4, 2, 20, 28)
    changed, _ = Elastic(kind="elastic", strength=0, smoothness=50).apply(images, torch.zeros(4).long(), generator())
    torch.testing.assert_close(changed, images, atol=1e-4, rtol=1e-4)


def test_stain_jitter_scales_and_shifts_each_channel_of_each_image():
    images = torch.randn(500, 2, 4, 4)
    jitter = StainJitter(kind="stain-jitter", scale=0.2, shift=0.5)
    changed, _ = jitter.apply(images, torch.zeros(500).long(), generator())
    before, after = images.flatten(2), changed.flatten(2)
    factors = after.std(2) / before.std(2)
    offsets = after.mean(2) - factors * before.mean(2)
    torch.testing.assert_close(after, factors.unsqueeze(2) * before + offsets.unsqueeze(2), atol=1e-4, rtol=1e-4)
    assert (factors.min().item(), factors.max().item()) == pytest.approx((0.8, 1.2), abs=0.01)
    assert (offsets.min().item(), offsets.max().item()) == pytest.approx((-0.5, 0.5), abs=0.01)
    for drawn in (factors, offsets):
        assert abs(torch.corrcoef(drawn.T)[0, 1].item()) < 0.15


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "affine", "probability": 1.5}, "less than or equal to 1"),
        ({"kind": "affine", "degrees": 181}, "less than or equal to 180"),
        ({"kind": "affine", "scale": 1}, "less than 1"),
        ({"kind": "affine", "shift": -0.1}, "greater than or equal to 0"),
        ({"kind": "affine", "shear": 90}, "less than 90"),
        ({"kind": "affine", "degrees": math.nan}, "finite number"),
        ({"kind": "elastic", "strength": -1, "smoothness": 8}, "greater than or equal to 0"),
        ({"kind": "elastic", "strength": 1, "smoothness": 0.5}, "greater than or equal to 1"),
        ({"kind": "elastic", "strength": 1}, "Field required"),
        ({"kind": "stain-jitter", "scale": 1}, "less than 1"),
        ({"kind": "flips", "probability": 0.5}, "Extra inputs"),
        ({"kind": "flip"}, "unknown augmentation 'flip'; did you mean 'flips'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(section: dict, message: str):
    with pytest.raises(ValidationError) as refused:
        load(section)
    (error,) = refused.value.errors()
    assert message in error["msg"]
