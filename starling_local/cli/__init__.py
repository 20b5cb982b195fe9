"""The `starling` command: one thin file per command, one place that ends the process."""
