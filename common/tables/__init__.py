"""Tables that several services write."""
