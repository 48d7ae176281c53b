"""What the benchmarks share: their command line and report, and what they compare with."""
