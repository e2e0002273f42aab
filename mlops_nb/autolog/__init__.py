"""Parameters, metrics and models without being asked.

A framework is watched from the moment that the session imports it (:mod:`~mlops_nb.autolog.imports`): each has a small
module here that knows where it says what it does, and tells a :class:`~mlops_nb.autolog.recorder.Recorder`. Keys are
those of MLflow's autolog. Functions and classes stay the objects they were: what is hooked is a name that a framework
looks up when it is called, or the cell of a closure, so that pickling, cloning and inspecting see nothing of it, and
``%unload_ext`` puts everything back.
"""
