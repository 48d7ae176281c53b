"""Making the networks of the evidence, by the library's own functions."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, cast

import numpy as np

from barsctl.calibrate import calibrate
from barsctl.kept_part import kept_part
from barsctl.pricing import hard_budgets, read_latency_table
from barsctl.processor import processor_at
from barsctl.profile import ProfileSettings, profile, space_specs
from barsctl.run_folder import GENOTYPE
from barsctl.scaled_reference import Images, ReferenceChoice, reference_graph, widest
from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.scaled_uniform import widest_uniform
from costmodels.selection import AddedBudget, budget_cost
from costmodels.table_file import read_table
from costmodels.term_index import term_index
from space.cost_terms import cost_terms
from space.decisions import Choices
from space.decode import decode
from space.genotype import (
    Genotype,
    choices_of,
    from_json,
    genotype_of,
    kept_cells,
    random_genotype,
    to_json,
    write_genotype,
)
from space.graph import BlockGraph
from space.json_lines import read_lines
from space.search_space import stage_channels
from space.uniform import UniformKind
from targets.catalog import named_target
from targets.kernel_specs import KernelSpec
from targets.measuring.place import LOCAL
from targets.subjects.subject import subject_specs

from .evidence_matrix import (
    FIRST_SEARCHED,
    Cell,
    ReferenceForm,
    Row,
    best_row,
    cell_of,
    reference_forms,
    short_cell,
)
from .evidence_searches import SEARCH, SPACE, TABLE, is_current, latency_budget, searched

IMAGES: Final = Images(SPACE.image_channels, SPACE.image_size, SPACE.classes)
# Random networks that the table is corrected by.
CALIBRATED = 10
REFERENCE_CHANNELS = range(8, 49, 8)
# Random networks are drawn until one uses this much of the budget, as a searched one does.
RANDOM_USED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Made:
    """A network to be trained, and what it took to find it.

    source, reference: as a training takes them. genotype: None of a reference. shared_accuracy: of
    a candidate with the weights of its search. search_seconds, search_images, candidates: see
    `Searched`.
    """

    source: str
    graph: BlockGraph
    described: str
    reference: ReferenceChoice | None = None
    genotype: Genotype | None = None
    shared_accuracy: float | None = None
    search_seconds: float = 0.0
    search_images: int = 0
    candidates: Sequence[Row] = ()


def open_table() -> LatencyTable:
    """The table that prices all cells, measured where it is not there yet.

    It is corrected by networks measured whole. Raises CostError where other kernels were measured,
    or one lacks on a machine that is not the table's; otherwise as `profile` and `calibrate`.
    """
    graphs = [
        _reference(form, channels) for form in reference_forms() for channels in REFERENCE_CHANNELS
    ]
    specs = tuple(dict.fromkeys((*space_specs([SPACE]), *subject_specs(graphs))))
    if not _is_whole(specs):
        settings = ProfileSettings(named_target("host"))
        profile(specs, settings, table=TABLE, resume=True, notify=print)
    if read_table(TABLE).correction is None:
        calibrate([SPACE], TABLE, networks=CALIBRATED, place=LOCAL, notify=print)
    return read_latency_table(TABLE)


def _is_whole(specs: Sequence[KernelSpec]) -> bool:
    if not TABLE.exists() or read_lines(TABLE).torn:
        return False
    rows = read_table(TABLE).rows
    return all(spec.key in rows for spec in specs)


def is_measured_here(table: LatencyTable) -> bool:
    """Whether this machine has the processor of the table, whose latencies count."""
    found = processor_at(LOCAL, named_target("host"))
    header = table.header
    return (found.cpu, found.isa_features) == (header.cpu, header.isa_features)


def network_of(row: Row) -> BlockGraph:
    """The network that a row is of."""
    if row["genotype"] is not None:
        return decode(genotype_in(row))
    name = short_cell(cell_of(row)).name if row["group"] == "full" else row["name"]
    return _reference(_form(name), row["channels"])


def genotype_field(made: Made) -> object:
    """The genotype of a network as a row has it: as its file's content; None of a reference."""
    return None if made.genotype is None else json.loads(to_json(made.genotype))


def genotype_in(row: Row) -> Genotype:
    """The genotype of a row that has one."""
    return from_json(json.dumps(row["genotype"]), what=row["cell"])


def make_network(cell: Cell, run: Path, *, table: LatencyTable, rows: Sequence[Row]) -> Made | None:
    """The network of a cell, from where its run was left; None where none keeps to the budget.

    rows: of the cells so far, on which some networks depend.
    """
    match cell.group:
        case "reference":
            return _made_reference(cell.name, cell.budget_us, table)
        case "uniform":
            design = _uniform(cell.name, cell.budget_us, table)
            return None if design is None else _made_genotype(design, run)
        case "random":
            return _made_genotype(_random(cell, table), run)
        case "recipe":
            return _made_genotype(_best_uniform(cell.budget_us, rows), run)
        case "candidate":
            (first,) = (row for row in rows if row["cell"] == FIRST_SEARCHED.key)
            if first["validation"] is None:
                return None
            found = first["candidates"][int(cell.name)]
            made = _made_genotype(genotype_of(SPACE, found["choices"]), run)
            return replace(made, shared_accuracy=found["accuracy"])
        case "full":
            return _made_again(cell, run, rows)
        case _:
            return _made_search(cell, run, table=table, rows=rows)


def _made_search(cell: Cell, run: Path, *, table: LatencyTable, rows: Sequence[Row]) -> Made:
    found = searched(
        cell, run, budget_us=search_budget_us(cell, table),
        kept=_kept(cell, rows), finished={row["cell"] for row in rows if is_current(row)},
    )  # fmt: skip
    return replace(
        _made_genotype(found.genotype, run),
        source=str(run / SEARCH),
        search_seconds=found.seconds,
        search_images=found.images,
        candidates=found.candidates,
    )


def search_budget_us(cell: Cell, table: LatencyTable) -> float:
    """What a search of a cell is to keep to: its budget less twice the error of the table.

    It measures nothing, so that a machine finds the same network on every day. table: corrected.
    """
    assert table.correction is not None
    return cell.budget_us / (1 + 2 * table.correction.held_out_error)


def _uniform(name: str, budget_us: float, table: LatencyTable) -> Genotype | None:
    kind, depth = name.split()
    budgets = hard_budgets([latency_budget(budget_us)], SPACE, tables=[table])
    return widest_uniform(SPACE, cast(UniformKind, kind), budgets, depth=int(depth))


def _made_again(cell: Cell, run: Path, rows: Sequence[Row]) -> Made | None:
    """What the cell of the short recipe trained that a full-length cell's name stands for."""
    short = short_cell(cell)
    (first,) = (row for row in rows if row["cell"] == short.key)
    if first["validation"] is None:
        return None
    if short.group == "reference":
        return _made_form(_form(short.name), first["channels"])
    return _made_genotype(genotype_in(first), run)


def _reference(form: ReferenceForm, channels: int) -> BlockGraph:
    choice = ReferenceChoice(channels, form.stem, form.stages)
    return reference_graph(form.reference, choice, IMAGES)


def _form(name: str) -> ReferenceForm:
    return next(form for form in reference_forms() if str(form) == name)


def _made_reference(name: str, budget_us: float, table: LatencyTable) -> Made | None:
    form = _form(name)
    try:
        channels, _ = widest(name, partial(_reference, form), [latency_budget(budget_us)], [table])
    except BudgetUnreachable:
        return None
    return _made_form(form, channels)


def _made_form(form: ReferenceForm, channels: int) -> Made:
    return Made(
        form.reference, _reference(form, channels), f"{form}, {channels} channels",
        reference=ReferenceChoice(channels, form.stem, form.stages),
    )  # fmt: skip


def _made_genotype(genotype: Genotype, run: Path) -> Made:
    path = run / GENOTYPE
    write_genotype(genotype, path)
    return Made(str(path), decode(genotype), described(genotype), genotype=genotype)


def described(genotype: Genotype) -> str:
    """Channels and cells by stage, and how many edges of each primitive the kept cells have."""
    stages = range(len(genotype.widths))
    channels = [stage_channels(genotype.space, stage, genotype.widths[stage]) for stage in stages]
    edges = Counter(
        op for cell in kept_cells(genotype) for ops in genotype.topologies[cell.group] for op in ops
    )
    parts = (f"{count} {op}" for op, count in sorted(edges.items()))
    return f"channels {channels}, cells {list(genotype.depths)}, {', '.join(parts)}"


def _random(cell: Cell, table: LatencyTable) -> Genotype:
    (budget,) = hard_budgets([latency_budget(cell.budget_us)], SPACE, tables=[table])
    assert isinstance(budget, AddedBudget)
    index = term_index(cost_terms(SPACE))
    generator = np.random.default_rng([cell.seed, int(cell.name)])
    while True:
        found = random_genotype(SPACE, generator)
        share = budget_cost(index, budget, choices_of(found)) / budget.limit
        if RANDOM_USED_SHARE <= share <= 1:
            return found


def _kept(cell: Cell, rows: Sequence[Row]) -> Choices:
    """What a search of the topology or the layout alone keeps of the best uniform design."""
    if cell.group not in ("topology", "layout"):
        return {}
    design = _best_uniform(cell.budget_us, rows)
    return kept_part(design, "layout" if cell.group == "topology" else "topology")


def _best_uniform(budget_us: float, rows: Sequence[Row]) -> Genotype:
    best = best_row("uniform", budget_us, rows)
    assert best is not None, "uniform designs come first"
    return genotype_in(best)
