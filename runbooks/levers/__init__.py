"""The only code, beside runbooks/tasks, that changes the stack."""
