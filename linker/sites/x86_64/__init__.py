"""x86-64 (and ia32) sites: operation classes, decoding, no-operation filler."""
