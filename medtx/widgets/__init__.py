"""Panels for notebooks. ipywidgets is imported when one is made."""

from medtx.widgets.explorer import explore

__all__ = ["explore"]
