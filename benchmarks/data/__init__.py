"""How fast the warehouse is filled and asked."""
