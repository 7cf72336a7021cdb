from .catalog import SYSTEMS as SYSTEMS
from .catalog import TITLES as TITLES
from .catalog import build as build
from .catalog import system_name as system_name
from .catalog import system_title as system_title
from .losses import Targets as Targets
from .system import System as System
