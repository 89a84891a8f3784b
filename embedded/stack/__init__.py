"""The whole product on one machine: its programs, their order and settings."""
