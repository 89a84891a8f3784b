"""What machines ask about this process."""
