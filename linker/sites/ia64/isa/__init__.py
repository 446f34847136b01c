"""The instruction set as data: formats, tables, decoding and text."""
