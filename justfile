# Short names for what CONTRIBUTING.md describes; `just` alone lists them.

set positional-arguments

_list:
    @just --list

# Install into .venv and run the tests; arguments go to pytest.
test *arguments:
    ./run-tests "$@"

# What CI runs, in a fresh environment.
ci:
    .ci/run

# Linters, types and module boundaries, in .venv.
check:
    .venv/bin/ruff check
    .venv/bin/ruff format --check
    .venv/bin/pyright --pythonpath .venv/bin/python
    .venv/bin/lint-imports --no-logo

# Let ruff put right what it can.
fix:
    .venv/bin/ruff check --fix
    .venv/bin/ruff format

# Make the runtimes in src/thinlens/kernels/runtimes anew, after a change of Halide's version.
runtimes:
    .venv/bin/python -c "from thinlens.kernels.objects import write_runtimes; write_runtimes()"

# Rewrite the texts in tests/golden after a change that was meant.
golden:
    ./run-tests --update-golden -m "not slow"
