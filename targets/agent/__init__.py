"""The agent that runs kernels on a board without Python, and how it is built for one."""
