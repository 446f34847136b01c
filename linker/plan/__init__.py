"""What each byte becomes: placed, laid out, filled, patched, checked."""
