"""One object a dataset: parts, classes, metrics, readers, stand-in, splits, evaluation, pictures."""

from dl4ia.tasks.mnist import Mnist
from dl4ia.tasks.task import TASKS, Task, register, task_of
from dl4ia.tasks.warwick import Warwick

__all__ = ["TASKS", "Task", "register", "task_of"]

register(Mnist())
register(Warwick())
