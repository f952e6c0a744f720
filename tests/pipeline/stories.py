"""The rule and the texts that the pipeline's tests share."""

REFERENCE = {
    "id": "reference",
    "name": "Reference rule",
    "query": '"Iranian ground forces" AND Syria',
    "severity": "urgent",
}

SUMMARY = "Troops are reported to be on the move."

FILLER = [
    "Ministers met in the capital on Monday to talk about the coming harvest season.",
    "Nobody was prepared to say when the next meeting of the committee would take place.",
]

HIT = [
    FILLER[0],
    "A colonel said columns of Iranian ground forces had entered Syria from the east at dawn.",
    FILLER[1],
]

MORE = [
    "Snow kept the passes closed for a third day, and drivers slept in their cabs by the road.",
    "Iranian ground forces held a parade in a town of eastern Syria, a radio station said.",
    "The mayor opened the new covered market with a speech about lamps, drains and patience.",
]
"""Another story that the reference rule meets."""
