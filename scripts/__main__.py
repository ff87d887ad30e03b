"""`python -m scripts` is `prc-reach`."""

from .cli import main

main()
