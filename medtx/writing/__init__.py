"""Transcripts -> files of other programs, a file a format. Files are readable by their owner only."""
