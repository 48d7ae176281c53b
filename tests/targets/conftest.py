"""Programs that are built once for all tests of what they read."""

import pytest

from .image_files import SIZE
from .runtime_program import PixelProgram, pixel_program


@pytest.fixture(scope="session")
def grey_program(tmp_path_factory: pytest.TempPathFactory) -> PixelProgram:
    return pixel_program(tmp_path_factory.mktemp("grey"), size=SIZE, channels=1)


@pytest.fixture(scope="session")
def colour_program(tmp_path_factory: pytest.TempPathFactory) -> PixelProgram:
    return pixel_program(tmp_path_factory.mktemp("colour"), size=SIZE, channels=3)
