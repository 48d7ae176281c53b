import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from space.frozen import FrozenNetwork
from targets.assemble import RUNTIME
from targets.emit_c import Plan, header, plan_network, source_files
from targets.errors import TargetError
from targets.lower import Constant
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.frozen_oracle import random_frozen


def frozen_example(name: str) -> FrozenNetwork:
    return random_frozen(EXAMPLE_GRAPHS[name](), np.random.default_rng(0))


@pytest.fixture
def plan() -> Plan:
    return plan_network(frozen_example("cell"), "net")


def names(plan: Plan) -> list[str]:
    return [f"class {i}" for i in range(plan.frozen.graph.classes)]


def test_generated_files_never_have_the_name_of_a_network_or_a_runtime_file(plan: Plan) -> None:
    generated = source_files(plan, names(plan)).keys() - {"net.h"}
    assert all("-" in name for name in generated)
    assert generated.isdisjoint(path.name for path in RUNTIME.iterdir())


def test_text_is_the_same_every_time(plan: Plan) -> None:
    again = plan_network(frozen_example("cell"), "net")
    assert source_files(plan, names(plan)) == source_files(again, names(plan))


def test_constants_are_aligned_and_equal_ones_stored_once() -> None:
    frozen = frozen_example("cell")
    stem = frozen.blocks["stem"]
    assert stem.requantize is not None
    same = replace(stem.requantize, offset=stem.requantize.multiplier)
    frozen.blocks["stem"] = replace(stem, requantize=same)
    plan = plan_network(frozen, "net")
    offsets = plan.constant_offsets
    assert offsets[Constant("stem", "multiplier")] == offsets[Constant("stem", "offset")]
    assert offsets[Constant("stem", "multiplier")] != offsets[Constant("stem", "weights")]
    assert all(offset % 64 == 0 for offset in offsets.values())
    stored = np.frombuffer(plan.weights, np.int32, 13, offsets[Constant("stem", "multiplier")])
    np.testing.assert_array_equal(stored, same.multiplier)


def test_all_kernels_are_called_in_order(plan: Plan) -> None:
    text = source_files(plan, names(plan))["network-calls.c"].decode()
    assert [int(index) for index in re.findall(r"CALL\((\d+), net_", text)] == [0, 1, 2, 3, 4]


def test_class_names_survive_as_c_strings(plan: Plan, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    odd = ['a"b', "back\\slash", "??/", "naïve ☃", "new\nline", "%s", ""]
    text = source_files(plan, odd)["network-program.c"].decode()
    lines = text[text.index("static const char *const class_names") :].split("};")[0]
    (tmp_path / "names.c").write_text(
        f"#include <stdio.h>\n{lines}}};\n"
        "int main(void) { for (int i = 0; i < 7; i++) fwrite(class_names[i], 1, 99, stdout); }\n"
        .replace("fwrite(class_names[i], 1, 99, stdout)", 'printf("%s|", class_names[i])')
    )  # fmt: skip
    command = ["gcc", "-std=c99", "-trigraphs", "names.c", "-o", "names"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "names"], check=True, capture_output=True)
    assert done.stdout.decode().split("|")[:-1] == odd


@pytest.mark.parametrize(("compiler", "standard"), [("gcc", "c99"), ("g++", "c++11")])
def test_header_compiles_alone(plan: Plan, tmp_path: Path, compiler: str, standard: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (tmp_path / "net.h").write_text(header(plan))
    suffix = "c" if compiler == "gcc" else "cc"
    source = tmp_path / f"use.{suffix}"
    source.write_text(
        '#include "net.h"\n#include "net.h"\n'
        "int32_t logits[NET_CLASSES]; uint8_t image[NET_IMAGE_BYTES];\n"
        "uint8_t arena[NET_ARENA_BYTES];\n"
        "int sizes[NET_IMAGE_HEIGHT * NET_IMAGE_WIDTH * NET_IMAGE_CHANNELS == 243 ? 1 : -1];\n"
        "double scale = NET_LOGIT_SCALE;\n"
        "int use(void) { return net_run(image, logits) + net_run_in(arena, image, logits); }\n"
    )
    warnings = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run([compiler, f"-std={standard}", *warnings, "-c", source.name], cwd=tmp_path,
                   check=True)  # fmt: skip


@pytest.mark.parametrize("name", ["", "Net", "2net", "my-net", "net.so", "é", "a" * 64, "a/b"])
def test_names_that_are_no_c_words_are_refused(name: str) -> None:
    with pytest.raises(TargetError, match=r"must be a C identifier: lower-case letters"):
        plan_network(frozen_example("one-pixel"), name)


def test_every_class_needs_a_name(plan: Plan) -> None:
    with pytest.raises(TargetError, match=r"3 class names for 7 classes; give one name per class"):
        source_files(plan, ["a", "b", "c"])
