"""Transcripts -> clinical entities: what was said, when, and whether to trust it."""

from medtx.clinical.entities import Entities, entities, from_responses
from medtx.clinical.safety import safety, safety_page
from medtx.clinical.score import EntityScore, score_entities

__all__ = [
    "Entities",
    "EntityScore",
    "entities",
    "from_responses",
    "safety",
    "safety_page",
    "score_entities",
]
