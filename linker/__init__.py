"""The linking service: binds an annotated guest kernel to a target.

`link(path, target)` and `link_buffer(...)` are the API; `previrt-link` is the same as a command. Names are resolved on
first use, so that importing the package (as the afterburner does for its tables) costs nothing.
"""
