from .frame import render_stimulus as render_stimulus
from .props import Props as Props
from .props import Shot as Shot
