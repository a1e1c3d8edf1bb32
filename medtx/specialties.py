"""What Amazon Transcribe Medical takes: specialty, sub-specialty, batch or streaming, type.

Source: the service's developer guide and botocore's service model. Language is en-US only.
"""

from medtx.errors import not_one_of

SPECIALTIES: dict[str, tuple[str, ...]] = {
    "PRIMARYCARE": ("batch", "streaming"),
    "CARDIOLOGY": ("streaming",),
    "NEUROLOGY": ("streaming",),
    "ONCOLOGY": ("streaming",),
    "RADIOLOGY": ("streaming",),
    "UROLOGY": ("streaming",),
}
"""Specialty, as the service spells it -> the modes that it is offered in."""

SUB_SPECIALTIES: dict[str, str] = {
    "Family Medicine": "PRIMARYCARE",
    "Internal Medicine": "PRIMARYCARE",
    "OB-GYN": "PRIMARYCARE",
    "Pediatrics": "PRIMARYCARE",
}
"""Sub-specialty -> the specialty to ask the service for."""

TYPES = ("DICTATION", "CONVERSATION")


def _key(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum())


_KNOWN = {_key(name): name for name in SPECIALTIES} | {
    _key(sub): specialty for sub, specialty in SUB_SPECIALTIES.items()
}
_KNOWN[_key("Obstetrics and Gynecology")] = "PRIMARYCARE"


def specialty(name: str) -> str:
    """The service's spelling of a specialty or sub-specialty.

    >>> specialty("cardiology"), specialty("Primary Care"), specialty("ob-gyn")
    ('CARDIOLOGY', 'PRIMARYCARE', 'PRIMARYCARE')

    Raises `InputError` for one that the service does not have.
    """
    found = _KNOWN.get(_key(name)) if isinstance(name, str) else None
    if found is None:
        raise not_one_of(
            "specialty", name, [*SPECIALTIES, *SUB_SPECIALTIES], ", which Transcribe Medical has"
        )
    return found


def audio_type(name: str) -> str:
    """The service's spelling of an audio type.

    >>> audio_type("dictation")
    'DICTATION'
    """
    if not isinstance(name, str) or name.upper() not in TYPES:
        raise not_one_of("type", name, TYPES)
    return name.upper()
