"""Graphs check every connection when it is made."""

import pytest

from space.blocks import BinaryConv, Classifier, Conv, Epilogue, Sum
from space.errors import SpaceError
from space.graph import IMAGE_VALUE, BlockGraph, Inputs, Value

STEM = Conv(1, 8, 3, 1, 4, image=True, epilogue=Epilogue(inner_signs=1))
REAL = Value("stem", "inner")
SIGN = Value("stem", "inner_sign0")


def graph_with_stem() -> BlockGraph:
    graph = BlockGraph(image_channels=1, image_size=4, classes=3)
    graph.add("stem", STEM, Inputs((IMAGE_VALUE,)))
    return graph


def test_nodes_come_in_execution_order() -> None:
    graph = graph_with_stem()
    graph.add("conv", BinaryConv((8,), 8, 3, 1, 4, Epilogue(shortcuts=1)), Inputs((SIGN,), (REAL,)))
    graph.add("classifier", Classifier((8,), 3, 4), Inputs((Value("conv", "inner"),)))
    assert [node.name for node in graph] == ["stem", "conv", "classifier"]
    assert graph.output.name == "classifier"
    assert list(graph.dag.edges) == [("stem", "conv"), ("conv", "classifier")]


def test_shape_of_a_value() -> None:
    graph = graph_with_stem()
    assert graph.shape(IMAGE_VALUE) == (1, 4)
    assert graph.shape(SIGN) == (8, 4)


def test_unwritten_values_are_refused() -> None:
    with pytest.raises(SpaceError, match="no earlier block writes this"):
        graph_with_stem().shape(Value("stem", "outer"))


def test_names_are_taken_once() -> None:
    with pytest.raises(SpaceError, match="'stem' is there already"):
        graph_with_stem().add("stem", STEM, Inputs((IMAGE_VALUE,)))
    with pytest.raises(SpaceError, match="'image' is there already"):
        graph_with_stem().add("image", STEM, Inputs((IMAGE_VALUE,)))


def test_sources_must_fit_the_block() -> None:
    wider = BinaryConv((16,), 8, 3, 1, 4, Epilogue())
    with pytest.raises(SpaceError, match=r"sources are .* \(\(8, 4\),\)"):
        graph_with_stem().add("conv", wider, Inputs((SIGN,)))


def test_binary_convolutions_read_signs() -> None:
    conv = BinaryConv((8,), 8, 3, 1, 4, Epilogue())
    with pytest.raises(SpaceError, match="read signs"):
        graph_with_stem().add("conv", conv, Inputs((REAL,)))


def test_classifiers_read_real_tensors() -> None:
    with pytest.raises(SpaceError, match="all others real tensors"):
        graph_with_stem().add("classifier", Classifier((8,), 3, 4), Inputs((SIGN,)))


def test_image_is_read_by_stems_alone() -> None:
    conv = Conv(1, 8, 3, 1, 4, image=False, epilogue=Epilogue())
    with pytest.raises(SpaceError, match="the image is read by"):
        graph_with_stem().add("conv", conv, Inputs((IMAGE_VALUE,)))


def test_shortcuts_must_be_as_many_as_said() -> None:
    with pytest.raises(SpaceError, match="shortcuts given do not fit"):
        graph_with_stem().add("sum", Sum(8, 4, Epilogue(shortcuts=2)), Inputs((), (REAL,)))


def test_outer_shortcut_must_be_there_if_said() -> None:
    block = Sum(8, 4, Epilogue(shortcuts=1, outer=True))
    with pytest.raises(SpaceError, match="shortcuts given do not fit"):
        graph_with_stem().add("sum", block, Inputs((), (REAL,)))


def test_shortcuts_are_real_tensors_of_the_output_shape() -> None:
    with pytest.raises(SpaceError, match="must be a real tensor"):
        graph_with_stem().add("sum", Sum(8, 4, Epilogue(shortcuts=1)), Inputs((), (SIGN,)))
    with pytest.raises(SpaceError, match=r"\(8, 2\)"):
        graph_with_stem().add("sum", Sum(8, 2, Epilogue(shortcuts=1)), Inputs((), (REAL,)))


def test_output_must_be_a_classifier() -> None:
    with pytest.raises(SpaceError, match="ends in a Classifier"):
        _ = graph_with_stem().output
