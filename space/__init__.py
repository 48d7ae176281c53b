"""Binary networks as data: blocks, graphs, search spaces, genotypes."""
