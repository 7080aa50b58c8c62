"""What a teacher runs.

    promptad-tutorial labs --answers FOLDER           points per learner, without nbgrader
    promptad-tutorial doctor --room FOLDER            one table of what thirty computers said
    promptad-tutorial offline-bundle --out FOLDER     a folder that installs without a network

`marking` decides what an answer is worth, for `labs` and for nbgrader (`marking.autograde`, which
needs the extra `teach`); `offline` builds the bundle (for other laptops than this kind it needs
the extra `bundle`); `room` makes the table. `commands` adds them to the command line through
entry points: the tutorial's own package knows nothing of this one.
"""
