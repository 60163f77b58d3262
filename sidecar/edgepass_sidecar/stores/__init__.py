"""The stores: one adapter per backend, all behind the port in `store.py`."""
