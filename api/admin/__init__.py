"""Routes for operators: the audit trail."""
