"""Mutants of the sources: each breaks one rule, and one test must notice."""
