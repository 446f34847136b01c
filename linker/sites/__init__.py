"""Annotation formats, site geometry and per-architecture codecs.

Add an architecture by adding a folder here; `linker.sites.codec.Codec` is the checklist.
This package initialiser imports nothing: the afterburner reads the class tables below it and must start fast.
"""
