import numpy as np
import torch

from dl4ia.data.added_copies import add_flips, add_rotations


def rotated(count: int):
    images = torch.rand(count, 2, 6, 6)
    masks = (images[:, 0] > 0.5).long()
    return images, masks, *add_rotations(images, masks, torch.Generator().manual_seed(0))


def test_the_originals_come_first_and_unchanged():
    images, masks, more_images, more_masks = rotated(50)
    assert torch.equal(more_images[:50], images)
    assert torch.equal(more_masks[:50], masks)


def test_three_of_four_images_get_a_rotated_copy():
    _, _, more_images, _ = rotated(4000)
    assert abs(len(more_images) / 4000 - 1.75) < 0.03


def test_copies_are_clockwise_quarter_turns_of_image_and_mask_alike():
    images, _, more_images, more_masks = rotated(60)
    turns = {np.rot90(image, -quarter, (1, 2)).tobytes(): quarter for image in images.numpy() for quarter in (1, 2, 3)}
    assert {turns[image.numpy().tobytes()] for image in more_images[60:]} == {1, 2, 3}
    assert torch.equal((more_images[:, 0] > 0.5).long(), more_masks)


def test_mirror_images_follow_the_originals():
    images = torch.rand(5, 2, 6, 6)
    masks = (images[:, 0] > 0.5).long()
    more_images, more_masks = add_flips(images, masks)
    assert torch.equal(more_images[:5], images)
    assert np.array_equal(more_images[5:].numpy(), images.numpy()[..., ::-1])
    assert torch.equal((more_images[:, 0] > 0.5).long(), more_masks)
