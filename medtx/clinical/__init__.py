"""Transcripts -> clinical entities: what was said, when, and whether to trust it."""

from medtx.clinical.comprehend import ComprehendMedical
from medtx.clinical.entities import Entities, entities, from_responses
from medtx.clinical.safety import safety, save_worklist
from medtx.clinical.score import EntityScore, score_entities

__all__ = [
    "ComprehendMedical",
    "Entities",
    "EntityScore",
    "entities",
    "from_responses",
    "safety",
    "save_worklist",
    "score_entities",
]
