"""The series as a web site: static pages that work from a plain folder, without a network."""
