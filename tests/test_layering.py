"""Who may import whom, and which modules must stay quick to import."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP_LEVEL = ("barsctl", "costmodels", "space", "targets")
HEAVY_LIBRARIES = ("torch", "tvm", "onnxruntime")

# Beside the standard library and itself, what each part of the project may import, even in a body.
MAY_IMPORT = {
    "space": {"networkx", "numpy", "pydantic", "safetensors"},
    "space.nn": {"numpy", "space", "torch"},
    "targets": {"numpy", "onnx", "onnxruntime", "pydantic", "space", "tvm"},
    "costmodels": {"numpy", "pydantic", "scipy", "space", "targets"},
}


def source_files(*, below: str = "") -> list[Path]:
    """Return every source file, or those of one package, relative to the root."""
    folders = [below] if below else TOP_LEVEL
    return sorted(p.relative_to(ROOT) for name in folders for p in (ROOT / name).rglob("*.py"))


def module_name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, full dotted name) of everything that a file imports from outside its package."""
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = file.parent.parts[: len(file.parent.parts) + 1 - node.level]
            base = ".".join([*(package if node.level else ()), *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def part_of(dotted_name: str) -> str:
    """Return the part of the project, or the library, that a dotted name belongs to."""
    if f"{dotted_name}.".startswith("space.nn."):
        return "space.nn"
    return dotted_name.partition(".")[0]


def heavy_patterns() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ignores = settings["tool"]["ruff"]["lint"]["per-file-ignores"]
    return [pattern for pattern, codes in ignores.items() if "TID253" in codes]


def light_modules() -> list[str]:
    heavy = heavy_patterns()
    return [
        module_name(file)
        for file in source_files()
        if file.name != "__main__.py" and not any(fnmatch(str(file), each) for each in heavy)
    ]


def test_heavy_modules_are_there() -> None:
    patterns = [each for each in heavy_patterns() if each.startswith(TOP_LEVEL)]
    assert [each for each in patterns if not list(ROOT.glob(each))] == []


def run_python(program: str, *arguments: str) -> str:
    """Return all that a fresh interpreter prints, tracebacks included."""
    command = [sys.executable, "-c", program, *arguments]
    run = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return run.stdout + run.stderr


def test_light_modules_leave_heavy_libraries_out() -> None:
    program = (
        "import sys; from importlib import import_module\n"
        "for name in sys.argv[1:]:\n"
        "    import_module(name)\n"
        f"    found = [each for each in {HEAVY_LIBRARIES} if each in sys.modules]\n"
        "    if found: sys.exit(print(f'{name} imports {found}'))\n"
    )
    modules = light_modules()
    assert "barsctl.cli" in modules
    assert run_python(program, *modules) == ""


def test_help_leaves_heavy_libraries_out() -> None:
    heavy = (*HEAVY_LIBRARIES, "networkx")
    program = (
        "import sys; sys.argv = ['barsctl', '--help']\n"
        "from barsctl.cli import main\n"
        "try: main()\n"
        f"finally: print([each for each in {heavy} if each in sys.modules])\n"
    )
    assert run_python(program).splitlines()[-1] == "[]"


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_part_imports_only_what_it_may(part: str) -> None:
    allowed = MAY_IMPORT[part] | {part} | set(sys.stdlib_module_names)
    stray = [
        f"{file}:{line} imports {name}"
        for file in source_files(below=part.replace(".", "/"))
        if part_of(module_name(file)) == part
        for line, name in imports(file)
        if part_of(name) not in allowed
    ]
    assert stray == []


def test_own_packages_are_never_imported_whole() -> None:
    whole = [
        f"{file}:{node.lineno}"
        for file in source_files()
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.Import)
        and any(part_of(alias.name).partition(".")[0] in TOP_LEVEL for alias in node.names)
    ]
    assert whole == []


@pytest.mark.parametrize("package", TOP_LEVEL)
def test_package_belongs_to_barsctl_alone(package: str) -> None:
    assert set(packages_distributions().get(package, [])) == {"barsctl"}
