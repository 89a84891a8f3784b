"""Sessions of the dashboard, and links that reset passwords."""
