"""Every query and state change of the catalog, one module per noun. Only the web host uses it; workers use catalog/client.py.

Functions take and return models of catalog/models.py and plain values. Each one is its own transaction unless it says
otherwise. `now` is passed in: an aware UTC datetime.
"""
