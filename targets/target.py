"""What the compiler, the linker and the emulator must know about a board."""

from dataclasses import dataclass

from .vector_unit import VectorUnit

# That share a run.
MOST_THREADS = 64


@dataclass(frozen=True, slots=True)
class Core:
    """A core that LLVM models, by its name for -mcpu, and the clock that it runs at on a board."""

    llvm_cpu: str
    clock_ghz: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Where a board without an operating system has flash and RAM, in bytes."""

    flash_start: int
    flash_bytes: int
    ram_start: int
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class Target:
    """A processor to compile for, in the words of each tool.

    machine: the first word of `uname -m` on it ("x86_64", "aarch64", "armv7l"), or what stands for
    it on a processor that runs no such system.
    cpu_flags: what /proc/cpuinfo of that machine must list to run the programs.
    llvm_*: for the kernels; features read "+name".
    zig_triple: for `python -m ziglang cc -target`; all but the kernels is for any processor of it.
    zig_cpu: for its -mcpu, where the triple is also of processors that cannot run the kernels.
    emulator: the command in front of a program on another machine; empty where there is none.
    variants: the processors of a program that chooses among their kernels when it runs, the best
    first. runtime_check: the C function that says whether a processor runs a variant. core: to
    model times on; None where LLVM models none. kernels_of: the processor that a board, or this
    machine, has the kernels of; empty for a processor. memory: of the board that is emulated, where
    there is no operating system.
    """

    name: str
    summary: str
    machine: str
    cpu_flags: frozenset[str]
    llvm_triple: str
    llvm_cpu: str
    llvm_features: tuple[str, ...]
    llvm_float_abi: str | None
    zig_triple: str
    emulator: tuple[str, ...]
    vector_unit: VectorUnit
    variants: tuple["Target", ...] = ()
    runtime_check: str = ""
    core: Core | None = None
    kernels_of: str = ""
    zig_cpu: str = ""
    memory: Memory | None = None

    @property
    def processor(self) -> str:
        """The name of what its kernels are compiled for."""
        return self.kernels_of or self.name

    @property
    def is_bare_metal(self) -> bool:
        """Whether programs run without an operating system."""
        return self.memory is not None

    @property
    def processors(self) -> tuple["Target", ...]:
        """What kernels are built for: the variants, or the target itself."""
        return self.variants or (self,)
