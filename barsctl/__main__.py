"""`python -m barsctl` is `barsctl`."""

from .cli import main

main()
