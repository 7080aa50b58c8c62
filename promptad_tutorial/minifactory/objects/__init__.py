"""Products that lie on a backdrop."""

from promptad_tutorial.minifactory.kinds import Kind
from promptad_tutorial.minifactory.objects.consumer import CONSUMER
from promptad_tutorial.minifactory.objects.electronics import ELECTRONICS
from promptad_tutorial.minifactory.objects.fasteners import FASTENERS
from promptad_tutorial.minifactory.objects.machine import MACHINE

OBJECTS: tuple[Kind, ...] = (*FASTENERS, *MACHINE, *ELECTRONICS, *CONSUMER)
