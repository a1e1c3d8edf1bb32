"""What a label before a colon is: a machine's name of a speaker, a role, a heading, or something else."""

import re

MACHINE = re.compile(
    r"(?:spk|spkr|speaker|participant|person|voice|channel|ch)[ _-]?(?:\d+|[a-z])"
    r"|unknown(?: speaker)?[ _]?\d*"
)
_ROLES = (
    r"doctor|doc|dr|physician|clinician|gp|consultant|surgeon|nurse|pharmacist|therapist|physio"
    r"|counsell?or|psychologist|psychiatrist|dentist|midwife|paramedic|provider|practitioner|examiner"
    r"|student|patient|pt|client|caller|customer|agent|operator|host|guest|interviewer|interviewee"
    r"|interpreter|translator|moderator|mother|mum|mom|father|dad|parent|wife|husband|partner|son"
    r"|daughter|carer|caregiver|relative|family member|child|speaker|male|female|man|woman|question"
    r"|answer"
)
ROLE = re.compile(rf"(?:{_ROLES})(?:[ _-](?:{_ROLES}))?(?:[ _-]?\d+)?")
TITLE = re.compile(r"(?:dr|doctor|mr|mrs|ms|miss|prof|professor|nurse|sister)\b\.? .*")
_HEADINGS = """
abdomen, addendum, address, admission, age, allergies, allergy, assessment, assessment and plan,
back, background, blood pressure, bp, breast, cardiac, cardiovascular, cc, chest, chief complaint,
clinical history, comment, comments, comparison, complaint, complications, conclusion, condition,
consultation, course, cranial nerves, current medications, cvs, date, date of birth, diagnoses,
diagnosis, diet, disposition, dob, dosage, dose, drug history, ears, ecg, ekg, exam, examination,
extremities, eyes, family history, fh, findings, follow up, follow-up, from, gender, general,
genitourinary, gi, gu, habits, head, heart, heart rate, heent, height, history, hospital course,
hpi, hr, imaging, immunizations, impression, indication, indications, instructions, investigations,
laboratory, laboratory data, labs, location, lungs, management, medication, medications, meds, mood,
mrn, msk, musculoskeletal, name, neck, neuro, neurologic, neurological, nose, note, notes, number,
o2, object, objective, observations, oe, operation, oxygen saturation, pain, past history, past
medical history, past surgical history, pe, pelvis, physical exam, physical examination, plan, pmh,
postoperative diagnosis, preoperative diagnosis, prescription, present illness, problem, problems,
procedure, procedures, prognosis, psych, psychiatric, psychosocial, pulse, re, reason, reason for
visit, recommendation, recommendations, reference, referral, resp, respiratory, respiratory rate,
result, results, review of systems, ros, rr, rx, sats, sex, sh, skin, social history, spo2, subject,
subjective, summary, surgical history, symptoms, technique, temp, temperature, test, tests, throat,
time, title, to, treatment, type, vital signs, vitals, warning, weight
"""
HEADINGS = frozenset(" ".join(heading.split()) for heading in _HEADINGS.split(","))
"""Of dictations and notes: what stands before a colon there is no speaker."""

_SIDES = frozenset("left right both bilateral upper lower".split())
"""What a part of the body begins with."""


def kind(label: str) -> str:
    """
    >>> kind("spk_0"), kind("Dr. Low"), kind("D"), kind("Assessment"), kind("Ann")
    ('machine', 'role', 'letter', 'heading', 'other')
    """
    key = " ".join(label.casefold().replace(".", "").split())
    if key in HEADINGS or key.partition(" ")[0] in _SIDES:
        return "heading"
    if MACHINE.fullmatch(key):
        return "machine"
    if ROLE.fullmatch(key) or TITLE.fullmatch(label.casefold()):
        return "role"
    return "letter" if len(key) == 1 else "other"
