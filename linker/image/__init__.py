"""ELF in and out: headers, symbols, memory windows, growing, writing."""
