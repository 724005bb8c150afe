"""`python -m thinlens`."""

from .cli import main

main()
