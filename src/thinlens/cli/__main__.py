"""`python -m thinlens.cli`."""

from . import main

main()
