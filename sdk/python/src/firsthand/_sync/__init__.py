# Made of _async/__init__.py by tools/unasync.py: change that one.
"""The synchronous client, made of `_async` by `tools/unasync.py`."""
