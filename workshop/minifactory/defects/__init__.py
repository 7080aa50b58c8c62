"""What goes wrong on a surface. (Faults of whole parts are made by the builders of objects.)"""

from workshop.minifactory.defects.breaks import chipped_edge, crack, cut, hole
from workshop.minifactory.defects.foreign import contamination, glue, rust, thread
from workshop.minifactory.defects.marks import burn, discoloration, scratch, stain
from workshop.minifactory.defects.printing import ink_mark
from workshop.minifactory.defects.relief import bubble, dent, fold
from workshop.minifactory.kinds import Defect

DEFECTS: tuple[Defect, ...] = (
    Defect("scratch", scratch),
    Defect("stain", stain),
    Defect("discoloration", discoloration),
    Defect("print", ink_mark),
    Defect("burn", burn),
    Defect("dent", dent),
    Defect("fold", fold),
    Defect("crack", crack),
    Defect("cut", cut),
    Defect("hole", hole),
    Defect("chipped edge", chipped_edge),
    Defect("bubble", bubble),
    Defect("contamination", contamination),
    Defect("thread", thread),
    Defect("glue", glue),
    Defect("rust", rust),
)
PART_FAULTS: tuple[str, ...] = ("missing part", "bent part", "misplaced part")
