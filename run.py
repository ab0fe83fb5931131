"""The command line of kerascnn, from a checkout: `python run.py --help`."""

from tuning.cli import main

if __name__ == "__main__":
    main()
