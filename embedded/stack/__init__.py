"""The whole product on one machine: which programs, in which order, with which settings."""
