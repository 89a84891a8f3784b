"""What HTTP servers of the product share."""
