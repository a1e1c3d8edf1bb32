"""The clinical engine's words: tables, a row a line, read by ``medtx.clinical.lexicon``."""
