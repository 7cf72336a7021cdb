from .costs import measure_costs as measure_costs
from .runs import common_parent as common_parent
from .write import write_tables as write_tables
