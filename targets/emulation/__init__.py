"""What kernels for other processors cost, without the processor: instructions and cycles.

Instructions are counted in an emulator, exactly; cycles are those counts times what LLVM's model of
a core says of each stretch of code. No time of an emulator says anything about a board.
"""
