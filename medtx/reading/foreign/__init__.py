"""Results of other engines: one file a format.

Each has ``fits(data)``, which knows the format by its own keys, and ``read(data, source)``.
Where an engine writes marks onto its words they stay there;
normalisers know how to take them off.
"""
