"""Deliberately wrong kernels: each is a right one with one fault, which the kit must find."""
