"""The only part of the pack that touches ``comfy``.

``versions``: what differs between hosts. ``text``, ``conditioning`` and ``latents``: what is read from the host's
objects before sampling. ``install``, ``run``, ``attention`` and ``noise``: what is in place while it samples.
"""
