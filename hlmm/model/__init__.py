"""Pure mathematics on floats; knows no orders."""
