"""How fast is it? Measured side by side with the released way; the tables are in results/."""
