"""The board's operations: their values, their checks, their effects, their rows of the table."""
