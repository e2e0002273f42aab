"""Places: in which environment a slice runs again: the one that is here, or the recorded one, built again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_nb.capture import conditions, environments
from mlops_nb.capture.environments import Environment
from mlops_nb.environments.recorded import Recorded
from mlops_nb.environments.restored import Restored, built, restore
from mlops_nb.errors import NotInstallable
from mlops_nb.reproduction.stages import Script
from mlops_nb.verbs import Progress, silent

RESTORED, HERE = "restored", "here"


@dataclass(frozen=True)
class Place:
    """The environment that was recorded, if it was, and the one in which it runs now."""

    then: Environment | None
    now: Environment
    restored: Restored | None = None
    variables: Mapping[str, str] = field(default_factory=dict)  # as they were set then

    @property
    def word(self) -> str:
        """What a verdict says of it."""
        return HERE if self.restored is None else RESTORED

    def changed(self) -> str | None:
        """Say what is not as it was recorded, or None."""
        then, now = self.then, self.now
        if then is None or then.hash == now.hash:
            return None
        changed = [f"{name} {old or 'none'} → {new or 'none'}" for name, (old, new) in then.changes_to(now).items()]
        if then.python != now.python:
            changed.insert(0, f"{then.python} → {now.python}")
        return ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")


def place_of(script: Script, *, here: bool, progress: Progress = silent) -> Place:
    """Return where a slice runs again: in its environment, built again if it is another, or ``here``.

    Raises:
        NotInstallable: it cannot be built again, or no kernel runs in it.
    """
    store, ref, last = script.project.store, script.slice.ref, script.executions[-1]
    now = environments.environment()
    then = environments.of_execution(store, last)
    if here:
        return Place(then, now)
    run = store.value("SELECT run FROM execution WHERE id = ?", last)
    variables = conditions.variables(conditions.of_run(store, run))
    if then is None or then.hash == now.hash:
        return Place(then, now, variables=variables)
    if "ipykernel" not in then.packages:
        raise NotInstallable(f"the environment of {ref} has no ipykernel, so no kernel runs in it - run it --here")
    restored = restore(Recorded(script.project, ref, then), progress=progress)
    return Place(then, built(restored.folder), restored, variables)
