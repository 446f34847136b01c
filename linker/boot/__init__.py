"""`previrt-boot`: binds a guest when it boots, on a machine that something else provides (docs/booting.md)."""
