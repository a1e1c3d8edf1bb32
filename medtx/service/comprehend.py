"""Comprehend Medical's five operations, over medtx's own rules: entities without codes."""

from typing import Any

from medtx.clinical import embedded
from medtx.service import checks
from medtx.service.faults import Buckets, Quotas
from medtx.service.protocol import Refused

LIMITS = {  # UTF-8 bytes
    "DetectEntitiesV2": 20_000,
    "DetectPHI": 20_000,
    "InferICD10CM": 10_000,
    "InferRxNorm": 10_000,
    "InferSNOMEDCT": 10_000,
}
_CODED = {  # what is looked up, and under which key its codes stand
    "InferICD10CM": ({"MEDICAL_CONDITION"}, "ICD10CMConcepts"),
    "InferRxNorm": ({"MEDICATION"}, "RxNormConcepts"),
    "InferSNOMEDCT": ({"MEDICAL_CONDITION", "ANATOMY", "TEST_TREATMENT_PROCEDURE"}, "SNOMEDCTConcepts"),
}


class Comprehend:
    def __init__(self, quotas: Quotas) -> None:
        self._characters = Buckets(quotas.characters)

    def call(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Raises `Refused`."""
        if name not in LIMITS:
            raise Refused("UnknownOperationException", "medtx serve does not answer this operation")
        text = asked.get("Text")
        try:
            size = len(str(text).encode())
        except UnicodeEncodeError:
            raise Refused("InvalidEncodingException", "The input text is not valid UTF-8.") from None
        if size > LIMITS[name]:
            raise Refused(
                "TextSizeLimitExceededException",
                f"Input text size exceeds limit. Max length is {LIMITS[name]} bytes, this has {size}.",
            )
        model = checks.operation("comprehendmedical", name)
        if model and (wrong := checks.problem(model.input_shape, asked)):
            raise Refused("ValidationException", f"1 validation error detected: {wrong}")
        text = str(text)
        if not self._characters.take(name, len(text)):
            raise Refused("TooManyRequestsException", "Too many characters a second.")
        if name == "DetectEntitiesV2":
            return embedded.detect(text)
        if name == "DetectPHI":
            return embedded.detect_phi(text)
        categories, key = _CODED[name]
        found = embedded.detect(text)
        entities = [one | {key: []} for one in found["Entities"] if one["Category"] in categories]
        answer = {"Entities": entities, "ModelVersion": found["ModelVersion"]}
        if name == "InferSNOMEDCT":
            answer |= {"Characters": {"OriginalTextCharacters": len(text)}}
        return answer
