"""Words that name references and their forms, apart from their graphs, which import networkx."""

from typing import Literal

ReferenceName = Literal[
    "xnor-resnet-18", "xnor-resnet-20", "bireal-18", "reactnet-like", "quicknet-like"
]
Stem = Literal["published", "strided"]
