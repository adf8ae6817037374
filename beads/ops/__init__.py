"""The generic operations, one file each: its value, its checks, its effect, its row of the table."""
