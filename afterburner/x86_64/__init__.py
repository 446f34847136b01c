"""Rewriting of x86-64 assembly."""
