from .done import finished as finished
from .evaluation import combine_folds as combine_folds
from .evaluation import evaluate as evaluate
from .experiment import Experiment as Experiment
from .experiment import build as build
from .experiment import check as check
from .loop import jit_step as jit_step
from .loop import train as train
