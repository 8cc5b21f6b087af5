"""The rules of the membrane: pure, given `now`, importing nothing outward."""
