"""One step under test, without a pipeline.

Unlike the kernel beside it, this is the users' side: it knows their functions, and the operators
that run them. The kernel knows nothing of it.
"""
