"""How the shipped things are made: data, weights, pages, tables of speed. Not in the wheel."""
