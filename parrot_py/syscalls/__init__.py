"""System calls: the table, and one small module per family of handlers."""
