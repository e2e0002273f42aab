"""Following columns through the code of a cell: an abstract interpreter that computes which columns made which.

``kinds`` says how a column can depend on another, ``values`` what a value is to the interpreter, ``cells`` runs the
statements, ``expressions`` the expressions, and the rest knows pandas, numpy and scikit-learn. Nothing here runs the
user's code or looks at data: only the syntax tree, and the labels and types of what the names are bound to.

The rule of every module: never less than the truth. What is not understood depends on every column of what went in,
marked as assumed; where not even that is known (an unknown function may change any object), :class:`Lost` ends the
cell, nothing is recorded, and whoever reads takes everything that the cell read for a source.
"""
