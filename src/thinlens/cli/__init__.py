"""The command `thinlens`: verbs in the order of the flow, one file each. Python users can call all that they do."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

# In the files of the verbs everything else is imported where it is used, so that `thinlens --help` is there at once.
from .benchmark import benchmark
from .convert import convert
from .enhance import enhance
from .evaluate import evaluate
from .explain import explain
from .listing import list_models
from .search import app as search
from .train import train
from .upscale import upscale
from .video import video
from .work import INTERRUPTED


class Verbs(TyperGroup):
    """The verbs; a photo in the place of one is answered with what to type."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        from pathlib import Path

        if self.get_command(ctx, args[0]) is None and (Path(args[0]).exists() or Path(args[0]).suffix):
            ctx.fail(f"{args[0]!r} is no verb; to enlarge a photo, type: thinlens upscale {args[0]}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Make pictures larger and better looking, on any processor, in real time.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command; what goes wrong is told in one line, with exit code 2, or 1 where it broke off half-way."""
    for stream in (sys.stdout, sys.stderr):  # None where it was closed; names of files may not fit its encoding
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="thinlens")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        fail(error)


@app.callback(invoke_without_command=True)
def version(
    shown: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and the processor, and exit.", is_eager=True)
    ] = False,
) -> None:
    if shown:
        import thinlens

        from ..kernels.host import processor_of

        print(f"thinlens {thinlens.__version__}\n{processor_of()}")
        raise typer.Exit


app.command()(upscale)
app.command()(enhance)
app.command()(video)
app.command("list")(list_models)
app.command()(train)
app.add_typer(search, name="search")
app.command()(convert)
app.command()(evaluate)
app.command()(benchmark)
app.command()(explain)


def fail(error: Exception) -> NoReturn:
    from ..batch import one_line
    from ..photo import UnfinishedError

    refused = isinstance(error, OSError | ValueError | ImportError) and not isinstance(error, UnfinishedError)
    print(f"thinlens: {one_line(error)}", file=sys.stderr)
    sys.exit(2 if refused else 1)
