"""A small file of every kind that `barsctl inspect` reads."""

import json
import struct
from pathlib import Path

import torch
from pydantic import TypeAdapter

from barsctl.budgets import Budget
from barsctl.checkpoint import save_checkpoint
from barsctl.data_choice import DataChoice
from barsctl.search_settings import SearchSettings
from barsctl.sweep_config import SweepConfig
from barsctl.train_settings import TrainSettings
from barsctl.training_run import TrainConfig
from costmodels.table_csv import write_csv
from costmodels.table_file import read_table
from space.frozen_file import read_frozen
from space.strict_json import dump_strict
from targets.compiled_file import PROGRAM_MARK
from targets.manifest import file_fields, write_manifest
from targets.onnx_export import export_onnx
from tests.example_spaces import TINY

DATA = Path(__file__).parent.parent / "data"
_CANDIDATE = {
    "choices": {"s0/width": 1}, "accuracy": 0.5, "cost": {"latency": 2.0}, "measured": {},
}  # fmt: skip
_JUDGED_HEADER = {
    "format": 1, "checkpoint": "0a1b", "device": "cpu", "seed": 0, "batch_size": 16,
    "calibration_images": 8, "held_out_images": 24,
}  # fmt: skip
_JSON = {
    "ranking": {"format": 1, "candidates": [_CANDIDATE]},
    "front": {"format": 1, "cost": "latency", "unit": "ms", "target": "host", "judged": 3,
              "points": [_CANDIDATE]},
    "result": {"best_epoch": 3, "validation_accuracy": 0.75, "test_accuracy": 0.5,
               "searched": {"relaxed": 0.75, "discretised": 0.625}},
    "cell": {"validation_accuracy": 0.75, "test_accuracy": 0.5, "cost": 2.0, "error": None},
}  # fmt: skip
_ROWS: dict[str, list[dict[str, object]]] = {
    "metrics": [{"epoch": 0, "loss": 1.0}, {"epoch": 1, "loss": 0.5}],
    "judged": [_JUDGED_HEADER, {"choices": {"s0/width": 1}, "accuracy": 0.25}],
    "measured": [
        {
            "format": 2,
            "measured_for": {
                "network": "0a1b",
                "target": "host",
                "place": "local",
                "cpu": "",
                "threads": 1,
                "tuned": False,
                "kernel_hash": "0",
                "compiler": "",
            },
            "cost": 1.5,
        }
    ],
    "trials": [
        {
            "format": 2,
            "device": "cpu",
            "seed": 0,
            "trial_epochs": 2,
            "epochs": 10,
            "batch_size": 16,
            "optimizer": "adamw",
            "learning_rate": 0.01,
            "weight_decay": 0.01,
        },
        {"choices": {"s0/width": 1}, "loss": 0.5, "accuracy": 0.625},
        {"choices": {"s0/width": 0}, "loss": None, "accuracy": None},
    ],
    "earlier trials": [
        {"format": 1, "device": "cpu", "seed": 0, "trial_epochs": 2, "batch_size": 16},
        {"choices": {"s0/width": 1}, "loss": 0.5},
        {"choices": {"s0/width": 0}, "loss": 0.75},
    ],
}
_COPIED = {
    "genotype": "genotype-1.json",
    "graph": "graph-2.json",
    "search config": "search-config-1.json",
    "table": "latency-table-4.jsonl",
    "frozen": "frozen-1.safetensors",
}


def write_examples(folder: Path) -> dict[str, Path]:
    """Write the files, with names that say nothing of their kind, and return them by kind."""
    kinds = (*_COPIED, *_JSON, *_ROWS, "train config", "sweep config", "csv", "onnx", "checkpoint",
             "program", "library", "archive", "manifest")  # fmt: skip
    files = {kind: folder / f"file{number}" for number, kind in enumerate(kinds)}
    for kind, name in _COPIED.items():
        files[kind].write_bytes((DATA / name).read_bytes())
    for kind, content in _JSON.items():
        files[kind].write_text(json.dumps(content, indent=2) + "\n")
    for kind, rows in _ROWS.items():
        files[kind].write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = TrainConfig(2, "train", "search", DataChoice("cifar10", None, None, 0), "none",
                         inherit=False, settings=TrainSettings())  # fmt: skip
    files["train config"].write_text(dump_strict(config, TypeAdapter(TrainConfig)))
    sweep = SweepConfig(2, "sweep", (TINY,), (Budget("bops", 1e6),), (0, 1), config.data, (),
                        SearchSettings(), "none", 20, 0, 3, measured=False, place=None,
                        training=TrainSettings(), teacher="none")  # fmt: skip
    files["sweep config"].write_text(dump_strict(sweep, TypeAdapter(SweepConfig)))
    write_csv(files["csv"], read_table(files["table"]))
    export_onnx(read_frozen(files["frozen"]), files["onnx"], class_names=("a", "b", "c"))
    save_checkpoint(files["checkpoint"], {"network": {"weight": torch.ones(3)}}, state={"epoch": 4})
    files["program"].write_bytes(elf(bits=64, kind=2, machine=62, rodata=PROGRAM_MARK))
    functions = [f"net_{each}" for each in ("run", "run_in", "run_part")]
    files["library"].write_bytes(elf(bits=32, kind=3, machine=40, exports=functions))
    files["archive"].write_bytes(archive(functions, elf(bits=64, kind=1, machine=183)))
    write_example_manifest(folder, files["program"]).rename(files["manifest"])
    return files


def write_example_manifest(folder: Path, program: Path) -> Path:
    """Write the manifest of a network whose files are all alike."""
    names = ("net", "libnet.a", "libnet.so", "net.h")
    target = {"name": "x86-64-v2", "machine": "x86_64", "cpu": "x86-64-v2", "features": [],
              "variants": []}  # fmt: skip
    return write_manifest(folder, {
        "name": "net", "target": target, "kernel_hash": "0a1b", "image": [8, 8, 1], "classes": 3,
        "threads": 1, "arena_bytes": 896, "weight_bytes": 2016,
        "files": dict.fromkeys(names, file_fields(program)),
    })  # fmt: skip


def elf(
    *, bits: int, kind: int, machine: int, rodata: bytes = b"", exports: list[str] | None = None
) -> bytes:
    """An ELF file of four sections: nothing, .rodata, the dynamic symbols, all names."""
    names = b"\0".join([b"", b".rodata", b".dynsym", b".strtab", *map(str.encode, exports or [])])
    names += b"\0"
    symbol = struct.Struct("<I20x" if bits == 64 else "<I12x")
    symbols = b"".join(symbol.pack(names.index(b"\0%b\0" % each.encode()) + 1)
                       for each in exports or [])  # fmt: skip
    header_bytes, section = (64, "<IIQQQQIIQQ") if bits == 64 else (52, "<10I")
    at, table, content = header_bytes, b"", b""
    parts = ((b"", 0, b""), (b".rodata", 1, rodata), (b".dynsym", 11, symbols),
             (b".strtab", 3, names))  # fmt: skip
    for name, type_, data in parts:
        name_at = names.index(b"\0%b\0" % name) + 1 if name else 0
        table += struct.pack(section, name_at, type_, 0, 0, at, len(data), 3, 0, 1, 0)
        content += data
        at += len(data)
    start = b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9) + struct.pack("<HH", kind, machine)
    if bits == 64:
        start += struct.pack("<IQQQIHHHHHH", 1, 0, 0, at, 0, 64, 56, 0, 64, 4, 3)
    else:
        start += struct.pack("<IIIIIHHHHHH", 1, 0, 0, at, 0, 52, 32, 0, 40, 4, 3)
    return start + content + table


def archive(symbols: list[str], *objects: bytes) -> bytes:
    """A static library with an index of these symbols, all in its first object."""
    index = struct.pack(f">{len(symbols) + 1}I", len(symbols), *[0] * len(symbols))
    index += b"".join(each.encode() + b"\0" for each in symbols)
    members = [("/", index), *((f"{number}.o/", data) for number, data in enumerate(objects))]
    return b"!<arch>\n" + b"".join(
        f"{name:<16}{0:<12}{0:<6}{0:<6}{0:<8}{len(data):<10}`\n".encode() + data
        + b"\n" * (len(data) % 2)
        for name, data in members
    )  # fmt: skip
