"""Sensitive instructions outside sites: what runs natively on every target, because nothing annotated it."""
