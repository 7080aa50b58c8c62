"""Inspection: a saved detector looks at a folder of pictures and says good or anomalous."""
