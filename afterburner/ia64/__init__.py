"""Rewriting of ia64 assembly."""
