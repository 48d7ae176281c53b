"""The processors that barsctl compiles for, as data."""

from dataclasses import replace

from .target import Core, Memory, Target
from .vector_unit import (
    AVX2,
    AVX512,
    AVX512_SHUFFLES,
    CORTEX_M,
    NEON_ARMV7,
    NEON_ARMV8,
    NEON_ARMV8_DOT,
    NEON_CORTEX_A9,
    NEON_CORTEX_A72,
    NEON_CORTEX_A76,
    SSE,
    SSE2,
)

_V2_FLAGS = frozenset({"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"})
_V3_FLAGS = _V2_FLAGS | frozenset(
    {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
)
_V4_FLAGS = _V3_FLAGS | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}

# Its emulator is a processor that has nothing beyond SSE2.
X86_64_V1 = Target(
    name="x86-64-v1",
    summary="any 64-bit x86, with SSE2 alone",
    machine="x86_64",
    cpu_flags=frozenset({"sse2"}),
    llvm_triple="x86_64-linux-gnu",
    llvm_cpu="x86-64",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="x86_64-linux-musl",
    emulator=("qemu-x86_64", "-cpu", "Opteron_G1,-pni"),
    vector_unit=SSE2,
)

X86_64_V2 = Target(
    name="x86-64-v2",
    summary="x86 with SSE4.2 (Nehalem, Bulldozer and later)",
    machine="x86_64",
    cpu_flags=_V2_FLAGS,
    llvm_triple="x86_64-linux-gnu",
    llvm_cpu="x86-64-v2",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="x86_64-linux-musl",
    emulator=("qemu-x86_64", "-cpu", "Nehalem"),
    vector_unit=SSE,
    runtime_check="x86_has_sse42",
)

X86_64_V3 = Target(
    name="x86-64-v3",
    summary="x86 with AVX2 (Haswell, Zen and later)",
    machine="x86_64",
    cpu_flags=_V3_FLAGS,
    llvm_triple="x86_64-linux-gnu",
    llvm_cpu="x86-64-v3",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="x86_64-linux-musl",
    emulator=("qemu-x86_64", "-cpu", "Haswell"),
    vector_unit=AVX2,
    runtime_check="x86_has_avx2",
)

# No emulator of this project's knows AVX-512.
X86_64_V4 = Target(
    name="x86-64-v4",
    summary="x86 with AVX-512 that counts no bits (Skylake-X, Cascade Lake)",
    machine="x86_64",
    cpu_flags=_V4_FLAGS,
    llvm_triple="x86_64-linux-gnu",
    llvm_cpu="x86-64-v4",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="x86_64-linux-musl",
    emulator=(),
    vector_unit=AVX512_SHUFFLES,
)

X86_64_VPOPCNT = Target(
    name="x86-64-vpopcnt",
    summary="x86 with AVX-512, VPOPCNTDQ and VNNI (Ice Lake, Zen 4 and later)",
    machine="x86_64",
    cpu_flags=_V4_FLAGS | {"avx512_vpopcntdq", "avx512_vnni"},
    llvm_triple="x86_64-linux-gnu",
    llvm_cpu="x86-64-v4",
    llvm_features=("+avx512vpopcntdq", "+avx512vnni"),
    llvm_float_abi=None,
    zig_triple="x86_64-linux-musl",
    emulator=(),
    vector_unit=AVX512,
    runtime_check="x86_has_avx512_vpopcnt",
)

X86_64 = replace(
    X86_64_V2,
    name="x86-64",
    summary="any x86 with SSE4.2: the program chooses among kernels for it, AVX2 and AVX-512",
    variants=(X86_64_VPOPCNT, X86_64_V3, X86_64_V2),
    runtime_check="",
)

# Code scheduled for the Cortex-A53 runs well on larger cores; the reverse is several times slower.
AARCH64 = Target(
    name="aarch64",
    summary="any 64-bit ARM (scheduled for the Cortex-A53, Raspberry Pi 3)",
    machine="aarch64",
    cpu_flags=frozenset({"asimd"}),
    llvm_triple="aarch64-linux-gnu",
    llvm_cpu="cortex-a53",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="aarch64-linux-musl",
    emulator=("qemu-aarch64", "-cpu", "cortex-a53"),
    vector_unit=NEON_ARMV8,
    core=Core("cortex-a53", clock_ghz=1.2),
)

CORTEX_A72 = Target(
    name="cortex-a72",
    summary="Cortex-A72 (Raspberry Pi 4)",
    machine="aarch64",
    cpu_flags=frozenset({"asimd"}),
    llvm_triple="aarch64-linux-gnu",
    llvm_cpu="cortex-a72",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="aarch64-linux-musl",
    emulator=("qemu-aarch64", "-cpu", "cortex-a72"),
    vector_unit=NEON_CORTEX_A72,
    core=Core("cortex-a72", clock_ghz=1.5),
)

# The Neoverse N1 is this core for servers, and LLVM models it; of this one it has the A57's model.
CORTEX_A76 = Target(
    name="cortex-a76",
    summary="Cortex-A76, with int8 dot products (Raspberry Pi 5)",
    machine="aarch64",
    cpu_flags=frozenset({"asimd", "asimddp"}),
    llvm_triple="aarch64-linux-gnu",
    llvm_cpu="neoverse-n1",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="aarch64-linux-musl",
    emulator=("qemu-aarch64", "-cpu", "cortex-a76"),
    vector_unit=NEON_CORTEX_A76,
    core=Core("neoverse-n1", clock_ghz=2.4),
)

# The Cortex-A55 is the smallest core with dot products, and code for it runs well on larger ones.
ARMV8_2_DOTPROD = Target(
    name="armv8.2-dotprod",
    summary="any 64-bit ARM with int8 dot products (scheduled for the Cortex-A55)",
    machine="aarch64",
    cpu_flags=frozenset({"asimd", "asimddp"}),
    llvm_triple="aarch64-linux-gnu",
    llvm_cpu="cortex-a55",
    llvm_features=(),
    llvm_float_abi=None,
    zig_triple="aarch64-linux-musl",
    emulator=("qemu-aarch64", "-cpu", "cortex-a76"),
    vector_unit=NEON_ARMV8_DOT,
    core=Core("cortex-a55", clock_ghz=1.8),
)

# Without use-misched, LLVM orders code for the Cortex-A7 as if it had registers for all of a loop.
ARMV7 = Target(
    name="armv7",
    summary="32-bit ARM with NEON and hard floats (Cortex-A7 and later)",
    machine="armv7l",
    cpu_flags=frozenset({"neon", "vfpv4"}),
    llvm_triple="armv7a-linux-gnueabihf",
    llvm_cpu="cortex-a7",
    llvm_features=("+neon", "+vfp4", "+use-misched"),
    llvm_float_abi="hard",
    zig_triple="arm-linux-musleabihf",
    emulator=("qemu-arm", "-cpu", "cortex-a7"),
    vector_unit=NEON_ARMV7,
)

CORTEX_A7 = replace(ARMV7, name="cortex-a7", summary="Cortex-A7 (Raspberry Pi 2): armv7's kernels")

# It has neither fused multiply-adds nor an integer division. LLVM 22's model of it crashes.
CORTEX_A9 = Target(
    name="cortex-a9",
    summary="Cortex-A9 with NEON (Zynq-7000, i.MX6): NEON without VFPv4",
    machine="armv7l",
    cpu_flags=frozenset({"neon"}),
    llvm_triple="armv7a-linux-gnueabihf",
    llvm_cpu="cortex-a9",
    llvm_features=("+neon", "+use-misched"),
    llvm_float_abi="hard",
    zig_triple="arm-linux-musleabihf",
    emulator=("qemu-arm", "-cpu", "cortex-a9"),
    vector_unit=NEON_CORTEX_A9,
)

# Boards of ARM's MPS2, as QEMU emulates them; the clocks are those of STM32F4 and STM32F7. With
# GNU's name in the triple, LLVM calls memcpy and memset by these names, which every C library has,
# and not by those of the ARM run-time ABI.
CORTEX_M4F = Target(
    name="cortex-m4f",
    summary="Cortex-M4F, without an operating system: a library",
    machine="armv7e-m",
    cpu_flags=frozenset(),
    llvm_triple="thumbv7em-none-gnueabihf",
    llvm_cpu="cortex-m4",
    llvm_features=(),
    llvm_float_abi="hard",
    zig_triple="thumb-freestanding-gnueabihf",
    emulator=("qemu-system-arm", "-M", "mps2-an386"),
    vector_unit=CORTEX_M,
    core=Core("cortex-m4", clock_ghz=0.168),
    zig_cpu="cortex_m4",
    memory=Memory(flash_start=0, flash_bytes=1 << 22, ram_start=0x20000000, ram_bytes=1 << 22),
)

CORTEX_M7 = replace(
    CORTEX_M4F,
    name="cortex-m7",
    summary="Cortex-M7, without an operating system: a library",
    llvm_cpu="cortex-m7",
    emulator=("qemu-system-arm", "-M", "mps2-an500"),
    core=Core("cortex-m7", clock_ghz=0.216),
    zig_cpu="cortex_m7",
)
