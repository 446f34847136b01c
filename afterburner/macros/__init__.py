"""The second technique: assembler macros that do the stand-in's work at build time, without Python, without a driver.

`x86_64.s` and `ia64.s` are kept and installed; `python -m afterburner.macros ARCH` writes them anew from the class
tables (`make macros`), and a test compares. docs/afterburning.md compares the two techniques.
"""
