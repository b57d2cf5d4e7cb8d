"""How calls are made and travel: knows no table, a small library by itself."""
