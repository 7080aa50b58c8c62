"""The benchmark: the same figures for every detector on every product line.

    Settings (dataset, backbone, methods, shots, seeds, protocol)      settings, methods
      -> tasks: one method x category x shots x seed                   tasks
      -> a row each, rows/<task>.json: figures in [0, 100] %, or its error
      -> report.html, report.md, summary.csv, per_category.csv         html_report

`experiment` goes this way for the command and the notebooks. `measure` makes a row, on a `test_set`
and features that `encoding` takes from the `feature_cache`; `runner` makes all that are missing, at
a `place` on `engines` (processes, threads, Dask, Ray); `run_folder` knows which belong to a run and
`estimate` what they would take. The page comes from `report` (means, paired differences),
`sections`, `report_tables`, `opening`, `cases` (pictures) and `published` (figures of others).

For the notebooks: `committed` (tables measured here), and about honest figures `optimism`,
`selection`, `sample_size`, `trap_list`.
"""
