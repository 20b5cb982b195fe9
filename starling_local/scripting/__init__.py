"""What scripts call: one answer, a file of them, a long-lived process; schemas in, events out."""
