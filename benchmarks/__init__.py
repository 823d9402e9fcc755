"""Side-by-side measurements against hand-written loops and other engines; see README.md."""
