"""Proof under fire: break the running stack at random, let it heal, compare everything."""
