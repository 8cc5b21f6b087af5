"""What earlier releases left behind, and that the present one goes on with it."""
