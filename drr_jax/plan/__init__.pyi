from .command import NAMES as NAMES
from .command import Asked as Asked
from .command import asked_of as asked_of
from .command import define_flags as define_flags
from .command import run_plan as run_plan
