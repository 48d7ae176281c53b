"""Boards as data, kernels, and the way from a frozen network to a program."""
