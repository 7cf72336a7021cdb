from .relations import export_relations as export_relations
from .samples import choose_samples as choose_samples
from .samples import load_samples as load_samples
from .samples import samples_file as samples_file
from .samples import save_samples as save_samples
from .write import write_report as write_report
