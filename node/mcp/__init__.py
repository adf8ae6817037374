"""The verbs of `bd` as tools for agents, over the Model Context Protocol."""
