"""Demo data: dialogs from a file or generated, loaded as history or replayed live."""
