"""The parts of ``dev.py``: the environment, the host, the server, the demo."""
