"""barsctl: search, train and compile binary networks for a board and a millisecond budget."""
