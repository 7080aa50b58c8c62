"""Products that lie on a backdrop."""

from workshop.minifactory.kinds import Kind
from workshop.minifactory.objects.consumer import CONSUMER
from workshop.minifactory.objects.electronics import ELECTRONICS
from workshop.minifactory.objects.fasteners import FASTENERS
from workshop.minifactory.objects.machine import MACHINE

OBJECTS: tuple[Kind, ...] = (*FASTENERS, *MACHINE, *ELECTRONICS, *CONSUMER)
