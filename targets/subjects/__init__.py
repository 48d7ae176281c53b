"""What is measured, kernels and whole networks, built to be timed or counted.

It is linked from the very objects that programs are, and called from C, so that no other language's
calls are in the times.
"""
