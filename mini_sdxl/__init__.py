"""The embedded model: a small SDXL that ships with the pack, its training scenes and its judge."""
