"""A notebook's cells and what they take from each other, as a picture, as text and as data."""

from nbcache.graph.collecting import collect
from nbcache.graph.drawing import draw
from nbcache.graph.listing import as_text
from nbcache.graph.model import Edge, Graph, Node

__all__ = ["Edge", "Graph", "Node", "as_text", "collect", "draw"]
