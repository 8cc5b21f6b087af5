"""Data folders of earlier releases, and tests that the present release continues with them."""
