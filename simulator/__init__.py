"""A functional IA-64 machine: it executes the manual and knows nothing of what it runs."""
