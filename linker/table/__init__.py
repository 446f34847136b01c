"""Annotation records: read, decoded, chosen, described."""
