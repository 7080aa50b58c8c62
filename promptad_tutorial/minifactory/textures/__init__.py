"""Products that fill the picture."""

from promptad_tutorial.minifactory.kinds import Kind
from promptad_tutorial.minifactory.textures.hard import HARD
from promptad_tutorial.minifactory.textures.mineral import MINERAL
from promptad_tutorial.minifactory.textures.organic import ORGANIC
from promptad_tutorial.minifactory.textures.soft import SOFT
from promptad_tutorial.minifactory.textures.woven import WOVEN

TEXTURES: tuple[Kind, ...] = (*WOVEN, *ORGANIC, *SOFT, *MINERAL, *HARD)
