"""`python -m starling_local` is the `starling` command."""

from starling_local.cli.main import entry_point

if __name__ == "__main__":
    entry_point()
