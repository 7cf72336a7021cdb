from .drr import DRR as DRR
from .graph import GraphModule as GraphModule
from .graph import extended_adjacency as extended_adjacency
from .graph_conv import starting_compatibility as starting_compatibility
from .heads import ClassEmbedding as ClassEmbedding
from .heads import ClassScores as ClassScores
