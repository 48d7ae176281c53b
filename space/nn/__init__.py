"""Binary networks as torch modules: train, search, freeze to integers, run those exactly."""
