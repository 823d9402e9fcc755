"""Other engines, each in a process of its own under an environment of their own."""
