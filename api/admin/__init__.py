"""Routes for operators: the audit trail, rules about people."""
