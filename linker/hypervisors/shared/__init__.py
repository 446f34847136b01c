"""What targets share: the virtual CPU of x86, forms of ia64, running on the simulator. No target itself."""
