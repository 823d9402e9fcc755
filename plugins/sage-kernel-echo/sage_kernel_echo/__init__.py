"""The kernel `echo`: runs pipelines in the caller's thread and logs what reaches a sink."""
