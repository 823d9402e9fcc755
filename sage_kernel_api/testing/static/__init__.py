"""Let type checkers prove that a kernel has the types that the contract asks for."""
