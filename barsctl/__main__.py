"""`python -m barsctl` is `barsctl`."""

from .entry import main

main()
