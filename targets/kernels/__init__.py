"""Kernels: a TVM function for every spec, written once and shaped by a vector unit's data."""
