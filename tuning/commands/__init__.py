"""The commands: one file each, its name the command's.

Contract of every public module here: `command`, a `click.Command`. At the top it imports nothing
heavy (keras, tensorflow, numpy, ...): `--help` must stay instant. What is wrong with the input is
raised as ValueError or OSError with a one-line message (`tuning.cli.main` prints it and exits
with 2), what went wrong on our side as RuntimeError (exit code 1). With `--json`, one JSON value
goes to stdout and nothing else.
"""
