"""Products that fill the picture."""

from workshop.minifactory.kinds import Kind
from workshop.minifactory.textures.hard import HARD
from workshop.minifactory.textures.mineral import MINERAL
from workshop.minifactory.textures.organic import ORGANIC
from workshop.minifactory.textures.soft import SOFT
from workshop.minifactory.textures.woven import WOVEN

TEXTURES: tuple[Kind, ...] = (*WOVEN, *ORGANIC, *SOFT, *MINERAL, *HARD)
