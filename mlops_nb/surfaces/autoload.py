"""The extension that kernels started by us load: as ``%load_ext mlops_nb``, without claiming that name.

IPython says so when an extension is loaded twice; a notebook that says ``%load_ext mlops_nb`` itself must look the
same whether it runs as a step or by hand.
"""

from mlops_nb import load_ipython_extension as load_ipython_extension
