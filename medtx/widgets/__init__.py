"""Panels for notebooks. ipywidgets is imported when one is made."""

from medtx.widgets.explorer import explore
from medtx.widgets.live_view import live

__all__ = ["explore", "live"]
