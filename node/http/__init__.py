"""The node's doors: git over HTTP for peers and stock git, pages for people."""
