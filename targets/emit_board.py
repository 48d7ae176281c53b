"""The linker script of a board without an operating system."""

from .target import Memory

LINKER_SCRIPT = "network-board.ld"


def linker_script(memory: Memory) -> str:
    """Vectors, code and constants in flash, variables in RAM; the stack grows from its end."""
    return f"""\
MEMORY
{{
    flash (rx) : ORIGIN = {memory.flash_start:#x}, LENGTH = {memory.flash_bytes:#x}
    ram (rw) : ORIGIN = {memory.ram_start:#x}, LENGTH = {memory.ram_bytes:#x}
}}
SECTIONS
{{
    .text : {{ KEEP(*(.vectors)) *(.text .text.*) }} > flash
    .rodata : {{ *(.rodata .rodata.*) }} > flash
    .data : {{
        data_start = .;
        *(.data .data.*)
        . = ALIGN(4);
        data_end = .;
    }} > ram AT > flash
    data_in_flash = LOADADDR(.data);
    .bss (NOLOAD) : {{
        . = ALIGN(4);
        bss_start = .;
        *(.bss .bss.*)
        . = ALIGN(4);
        bss_end = .;
    }} > ram
    free_ram = .;
    ram_end = ORIGIN(ram) + LENGTH(ram);
    /DISCARD/ : {{ *(.ARM.exidx .ARM.exidx.*) }}
}}
"""
