import re
import shutil
import subprocess
from pathlib import Path

import pytest

from targets.assemble import RUNTIME
from targets.boards import X86_64_VPOPCNT
from targets.emit_c import source_files
from targets.emit_header import header
from targets.errors import TargetError
from targets.network_plan import Plan, plan_network

from .compiled_networks import frozen_example


@pytest.fixture
def plan() -> Plan:
    return plan_network(frozen_example("cell"), "net", X86_64_VPOPCNT)


def names(plan: Plan) -> list[str]:
    return [f"class {i}" for i in range(plan.frozen.graph.classes)]


def test_generated_files_never_have_the_name_of_a_network_or_a_runtime_file(plan: Plan) -> None:
    generated = source_files(plan, names(plan)).keys() - {"net.h"}
    assert all("-" in name for name in generated)
    assert generated.isdisjoint(path.name for path in RUNTIME.iterdir())


def test_text_is_the_same_every_time(plan: Plan) -> None:
    again = plan_network(frozen_example("cell"), "net", X86_64_VPOPCNT)
    assert source_files(plan, names(plan)) == source_files(again, names(plan))


def test_all_kernels_are_called_in_order(plan: Plan) -> None:
    text = source_files(plan, names(plan))["network-calls.c"].decode()
    assert [int(index) for index in re.findall(r"case (\d+): return net_", text)] == [0, 1, 2, 3, 4]


def test_class_names_survive_as_c_strings(plan: Plan, tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    odd = ['a"b', "back\\slash", "??/", "naïve ☃", "new\nline", "%s", ""]
    text = source_files(plan, odd)["network-program.c"].decode()
    lines = text[text.index("static const char *const class_names") :].split("};")[0]
    (tmp_path / "names.c").write_text(
        f"#include <stdio.h>\n{lines}}};\n"
        'int main(void) { for (int i = 0; i < 7; i++) printf("%s|", class_names[i]); }\n'
    )
    command = ["gcc", "-std=c99", "-trigraphs", "names.c", "-o", "names"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "names"], check=True, capture_output=True)
    assert done.stdout.decode().split("|")[:-1] == odd


@pytest.mark.parametrize(
    ("compiler", "standard"), [("gcc", "c99"), ("g++", "c++98"), ("g++", "c++20")]
)
def test_header_compiles_alone(plan: Plan, tmp_path: Path, compiler: str, standard: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (tmp_path / "net.h").write_text(header(plan, names(plan)))
    suffix = "c" if compiler == "gcc" else "cc"
    source = tmp_path / f"use.{suffix}"
    source.write_text(
        '#include "net.h"\n#include "net.h"\n'
        "int32_t logits[NET_CLASSES]; uint8_t image[NET_IMAGE_BYTES];\n"
        "uint8_t arena[NET_ARENA_BYTES];\n"
        "int sizes[NET_IMAGE_HEIGHT * NET_IMAGE_WIDTH * NET_IMAGE_CHANNELS == 243 ? 1 : -1];\n"
        "double scale = NET_LOGIT_SCALE;\n"
        "const char *const class_names[NET_CLASSES] = NET_CLASS_NAMES;\n"
        "int codes[] = {NET_UNALIGNED_ARENA, NET_WRONG_PROCESSOR, NET_WRONG_PART};\n"
        "int use(void) { return net_run(image, logits) + net_run_in(arena, image, logits); }\n"
        "static void meet(void *team) { (void)team; }\n"
        "int part(void) { return net_run_part(arena, image, logits, 0, NET_THREADS, meet, 0); }\n"
    )
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run([compiler, f"-std={standard}", *warnings, "-c", source.name], cwd=tmp_path,
                   check=True)  # fmt: skip


def test_every_class_needs_a_name(plan: Plan) -> None:
    with pytest.raises(TargetError, match=r"3 class names for 7 classes; give one name per class"):
        source_files(plan, ["a", "b", "c"])
