"""What every page of both packages shares: templates and style sheet, pictures, charts.

Comes in: names, numbers and images. Goes out: HTML and PNG bytes that need nothing from elsewhere.
Loads no JAX. Open html.py first, then templates/base.html and macros.html.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
