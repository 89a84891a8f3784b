"""Dialogs of the demo: from a file or made up, loaded as history or replayed."""
