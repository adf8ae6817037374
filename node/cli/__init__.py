"""The command lines `wl`, `gt` and `bd`: they parse, call, and print; what happens is decided below."""
