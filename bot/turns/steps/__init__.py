"""The steps of a turn: it is opened, models are asked, it ends."""
