"""Neural networks from NumPy to the GPU: the tested code behind the book *Unrolled*.

The modules are small and hold one idea each. Import what you need from them:

>>> from unrolled.network import Parameters, initialize, loss
"""

__version__ = "0.1.0"
