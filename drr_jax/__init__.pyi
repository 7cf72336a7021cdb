from .api import Model as Model
from .api import evaluate as evaluate
from .api import export as export
from .api import load as load
from .api import train as train

__version__: str
