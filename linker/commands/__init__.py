"""The commands: options, and what a person sees."""
