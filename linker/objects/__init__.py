"""Relocatable objects: kernel modules (`.ko`) and any other `.o`. Addresses in them are sections and offsets."""
