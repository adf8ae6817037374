"""Character sheets: one view of an actor, and the pens that draw it."""
