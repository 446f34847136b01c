"""The phases of a link in order: read, decode, plan, check, apply, verify, report."""
