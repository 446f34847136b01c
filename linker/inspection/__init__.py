"""`previrt-inspect`: look inside an image (docs/inspecting.md). Nothing here changes one."""
