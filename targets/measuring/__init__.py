"""What kernels and whole networks cost: timed on a board, or counted in an emulator."""
