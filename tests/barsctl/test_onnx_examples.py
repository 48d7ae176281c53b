from pathlib import Path

import numpy as np
import pytest

from barsctl.errors import DataError
from barsctl.onnx_examples import images_for
from tests.example_graphs import EXAMPLE_GRAPHS

GRAPH = EXAMPLE_GRAPHS["one-pixel"]()


@pytest.mark.parametrize("label", [-1, GRAPH.classes])
def test_labels_beyond_the_classes_are_refused(label: int, tmp_path: Path) -> None:
    shape = (2, GRAPH.image_size, GRAPH.image_size, GRAPH.image_channels)
    path = tmp_path / "images.npz"
    np.savez(path, images=np.zeros(shape, np.uint8), labels=np.array([0, label]))
    with pytest.raises(DataError, match=rf"label {label} among the given images: .*; correct"):
        images_for(GRAPH, path, notify=print)
    np.savez(path, images=np.zeros(shape, np.uint8), labels=np.array([0, GRAPH.classes - 1]))
    assert len(images_for(GRAPH, path, notify=print).test) == 2


def test_noise_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(images_for(GRAPH, None, notify=print).test) == 256
    assert capsys.readouterr().out == "no images are given: taking 256 of noise\n"
