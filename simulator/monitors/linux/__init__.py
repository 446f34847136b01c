"""A process of Linux on Itanium: what a statically linked program sees of the kernel, for one process with one thread.

Source: Linux 6.1, the files under arch/ia64 and include/uapi that each module here names.
"""
