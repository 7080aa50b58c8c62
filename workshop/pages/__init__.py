"""Pages made from the notebooks and the package: learner's edition, site, slides, glossary."""
