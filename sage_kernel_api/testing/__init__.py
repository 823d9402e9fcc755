"""What tests of pipelines and of kernels share; works on every kernel and needs none.

Import from the modules: `assertions` compares records, `collect_sink` gathers them, `script` plays
them in. Importing this package loads none of them, so that a test runner may import it early.
"""
