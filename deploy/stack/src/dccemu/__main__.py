"""``python -m dccemu`` is the same as ``dccemu``."""

from .main import main

main()
