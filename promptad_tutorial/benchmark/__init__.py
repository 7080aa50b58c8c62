"""The benchmark: the same figures for every detector on every product line.

What comes in, and what goes out:

    Settings (dataset, backbone, methods, shots, seeds, protocol)      settings, methods
      -> tasks: one method x category x shots x seed                   tasks
      -> a row each, rows/<task>.json: figures in [0, 100] %, or its error
      -> report.html, report.md, summary.csv, per_category.csv         html_report

    experiment   one run from its settings to its report: `prepare`, `perform`, `live_settings`
    runner       the tasks that have no row yet, on a Place: `place` (folders, workers), `engines`
                 (processes, threads, Dask, Ray); resumable, one writer a row
    comparison   what a row is: fit on the drawn shots, score the test set, evaluate
    test_set     labelled test pictures, masks (n, s, s) at the size of the maps
    encoding     features of pictures, each once, through `feature_cache`
    run_folder   run.json: which rows belong to a run; refuses other settings
    estimate     what a run would take
    report       means over seeds, paired differences; `sections`, `report_tables`, `opening`,
                 `cases` (pictures), `beside_published` and `html_report` make the page

Tables for readers of the notebooks: `committed` (measured here), `published` (by others). About
honest figures: `optimism`, `selection`, `sample_size`, `trap_list`. Single tables:
`zero_shot_table` and `threshold_table`.

Nothing here is imported for its own sake: every module is loaded by who needs it.
"""
