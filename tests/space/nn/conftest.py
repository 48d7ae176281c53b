"""One thread: on two busy cores a barrier costs more than the work it shares."""

import torch

torch.set_num_threads(1)
