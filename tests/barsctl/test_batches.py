import numpy as np
import pytest
import torch

from barsctl.batches import Batch, all_batches, random_images, split_in_halves, training_batches
from barsctl.data.augment import Augmentation
from barsctl.data.source import Images
from barsctl.errors import BarsError
from barsctl.launch import Ranks
from tests.barsctl.tiny_runs import CPU


def numbered(count: int) -> Images:
    """Images of 2x2 pixels and 3 channels that hold their own number, channel by channel."""
    pixels = np.zeros((count, 2, 2, 3), np.uint8)
    pixels += np.arange(count, dtype=np.uint8)[:, None, None, None]
    pixels[..., 2] += 100
    return Images(pixels, np.arange(count))


def test_pixels_are_channels_first_without_a_copy() -> None:
    (batch,) = all_batches(numbered(5), batch_size=8, device=CPU)
    assert batch.pixels.shape == (5, 3, 2, 2)
    assert batch.pixels[4, :, 0, 0].tolist() == [4, 4, 104]
    assert batch.pixels.is_contiguous(memory_format=torch.channels_last)


def test_all_batches_keep_order_and_remainder() -> None:
    found = [batch.labels.tolist() for batch in all_batches(numbered(5), batch_size=2, device=CPU)]
    assert found == [[0, 1], [2, 3], [4]]


def test_training_batches_are_whole_and_shuffled() -> None:
    batches = list(
        training_batches(
            numbered(11), np.random.default_rng(0), batch_size=4,
            augmentation=Augmentation(), device=CPU,
        )
    )  # fmt: skip
    labels = [label for batch in batches for label in batch.labels.tolist()]
    assert [len(batch.labels) for batch in batches] == [4, 4]
    assert len(set(labels)) == 8
    assert labels != sorted(labels)
    assert all(torch.equal(b.pixels[:, 0, 0, 0].long(), b.labels) for b in batches)


def test_few_images_make_one_small_batch() -> None:
    batches = training_batches(
        numbered(3), np.random.default_rng(0), batch_size=4,
        augmentation=Augmentation(), device=CPU,
    )  # fmt: skip
    assert [sorted(batch.labels.tolist()) for batch in batches] == [[0, 1, 2]]


def test_halves_share_no_image() -> None:
    first, second = split_in_halves(numbered(11), seed=0)
    assert len(first) == len(second) == 5
    assert not set(first.labels.tolist()) & set(second.labels.tolist())


def test_halves_need_four_images() -> None:
    with pytest.raises(BarsError, match="3 training images: a search needs 2 for the weights"):
        split_in_halves(numbered(3), seed=0)


def test_random_images_are_at_most_the_count() -> None:
    source = numbered(9)
    assert random_images(source, count=9, seed=0) is source
    chosen = random_images(source, count=4, seed=0).labels
    assert len(set(chosen.tolist())) == 4


def test_parts_of_three_processes_are_the_whole() -> None:
    """7 images in batches of 5, augmented: parts of 1, 2 and 2 images."""
    augmentation = Augmentation(pad_pixels=1, flip=True, min_area_share=0.5)

    def batches(ranks: Ranks) -> list[Batch]:
        numbers = np.random.default_rng(3)
        return list(
            training_batches(
                numbered(7), numbers, batch_size=5, augmentation=augmentation, device=CPU,
                ranks=ranks,
            )
        )  # fmt: skip

    (whole,) = batches(Ranks())
    parts = [batches(Ranks(rank, 3))[0] for rank in range(3)]
    assert torch.equal(torch.cat([part.pixels for part in parts]), whole.pixels)
    assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)
    assert [part.share for part in parts] == [0.2, 0.4, 0.4]
    seen = [
        batch.labels.tolist()
        for rank in range(3)
        for batch in all_batches(numbered(7), batch_size=2, device=CPU, ranks=Ranks(rank, 3))
    ]
    assert seen == [[0, 1], [2, 3], [4, 5], [6]]
