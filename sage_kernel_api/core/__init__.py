"""The core API: what users write pipelines with.

Import from `sage_kernel_api` itself; the modules here may move.
"""
