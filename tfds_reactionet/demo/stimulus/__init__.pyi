from .frame import render_stimulus as render_stimulus
from .props import Shot as Shot
from .props import gradient as gradient
from .props import microphone as microphone
