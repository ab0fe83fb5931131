"""The command line: a lazy group over the room of commands, and one way to end in an error."""

import sys
from collections.abc import Sequence

import click

from kerascnn import __version__, registry

_COMMANDS = "tuning.commands"


class Commands(click.Group):
    """Finds a command by its file, and imports only that one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return names()

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in names():
            return None
        command: click.Command = registry.load(_COMMANDS, name.replace("-", "_")).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in names() and not args[0].startswith("-"):
            raise ValueError(registry.unknown("commands", args[0], names()))
        return super().resolve_command(ctx, args)


def names() -> list[str]:
    """Returns the commands as they are typed: `import-tuner` lies in `import_tuner.py`."""
    return [name.replace("_", "-") for name in registry.names(_COMMANDS)]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="kerascnn")
def cli(debug: bool) -> None:
    """Find the best CNN for your labelled images, and learn the truth about it.

    \b
    kerascnn search                    search the cnn family on the digits images
    kerascnn search vgg photos/        another family, your own folder of class folders
    kerascnn compare                   the leaderboard: mean, interval, n
    kerascnn dashboard                 the same in TensorBoard
    kerascnn export --to model         the winner as a SavedModel
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 went wrong, 2 wrong input, 130 Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Wherever it is typed, before or after the command.
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"] or ["--help"]
    try:
        program = "python run.py" if sys.argv[0].endswith("run.py") else "kerascnn"
        code = cli.main(arguments, prog_name=program, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (KeyboardInterrupt, click.Abort):
        _fail("Stopped.", 130)
    except click.ClickException as error:
        _fail(_one_line(error.format_message()), error.exit_code)
    except (ValueError, OSError) as error:
        if debug:
            raise
        _fail(_one_line(_words(error)), 2)
    except MemoryError as error:
        if debug:
            raise
        _fail(_one_line(f"Not enough memory. {error}"), 1)
    except RuntimeError as error:
        if debug:
            raise
        _fail(str(error), 1)


def _words(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _fail(text: str, code: int) -> None:
    click.echo(f"Error: {text}" if code != 130 else text, err=True)
    sys.exit(code)
