"""From instructions to Python functions."""
