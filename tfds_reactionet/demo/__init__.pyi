from .write import write_release as write_release
