"""The lifecycles: which states a kind of record has and what leads from one to the next, as rows a layman can read.

Permissions are (resource, action) as in ``app.domain.permissions``. Meanings are the codes of ``MEANINGS``.
"""

from app.domain.errors import RuleBroken
from app.domain.text import Phrase
from app.domain.workflow import Lifecycle, Step

MEANINGS: dict[str, Phrase] = {
    "authorship": Phrase("Authorship"),
    "review": Phrase("Review"),
    "approval": Phrase("Approval"),
    "release_override": Phrase("Release before everybody is trained"),
    "cancellation": Phrase("Cancellation"),
    "retirement": Phrase("Retirement"),
    "periodic_review": Phrase("Periodic review"),
    "read_and_understood": Phrase("Read and understood"),
    "responsibility": Phrase("Responsibility"),
}
"""What a signature can mean (21 CFR 11.50(a)(3)): code and the word that is printed."""

VERSION = Lifecycle(
    record_type="versions",
    states=("draft", "review", "approved", "effective", "superseded", "obsolete"),
    editable=frozenset({"draft"}),
    steps=(
        Step(
            name="submit",
            label=Phrase("Submit for review"),
            sources=("draft",),
            target="review",
            permission=("documents", "submit"),
            meaning="authorship",
            statement=Phrase("I wrote or revised this version and submit it for review."),
            gates=("has_content", "verdicts_explained"),
            required=("change_summary",),
        ),
        Step(
            name="review",
            label=Phrase("Sign the review"),
            sources=("review",),
            target="review",
            permission=("documents", "review"),
            meaning="review",
            statement=Phrase("I reviewed this version and found it fit for approval."),
            gates=("not_the_author",),
            effects=("answer_request",),
        ),
        Step(
            name="return",
            label=Phrase("Return to the author"),
            sources=("review",),
            target="draft",
            permission=("documents", "review"),
            meaning="review",
            statement=Phrase("I reviewed this version and return it to its author for the reason given."),
            reason=True,
        ),
        Step(
            name="approve",
            label=Phrase("Approve"),
            sources=("review",),
            target="approved",
            permission=("documents", "approve"),
            meaning="approval",
            statement=Phrase("I approve this version, its training impact per job function and its effective date."),
            gates=("has_content", "not_the_author", "reviewed", "verdicts_explained", "dated_when_gated", "in_order"),
            effects=("release", "credit_authors", "assign", "take_effect_if_due"),
        ),
        Step(
            name="take_effect",
            label=Phrase("Take effect"),
            sources=("approved",),
            target="effective",
            permission=None,
            gates=("date_reached", "people_trained"),
            effects=("supersede_former", "schedule_review", "assign"),
        ),
        Step(
            name="release_untrained",
            label=Phrase("Make effective although people are untrained"),
            sources=("approved",),
            target="effective",
            permission=("documents", "override"),
            meaning="release_override",
            statement=Phrase(
                "I make this version effective although the people named above are not trained on it. "
                "They may not do this work until they are."
            ),
            gates=("somebody_untrained",),
            effects=("release_now", "supersede_former", "schedule_review", "assign"),
            reason=True,
        ),
        Step(
            name="cancel",
            label=Phrase("Cancel before it takes effect"),
            sources=("draft", "review", "approved"),
            target="obsolete",
            permission=("documents", "retire"),
            meaning="cancellation",
            statement=Phrase("I cancel this version for the reason given. It will not take effect."),
            effects=("withdraw_release", "assign"),
            reason=True,
        ),
        Step(
            name="supersede",
            label=Phrase("Superseded by a newer version"),
            sources=("effective",),
            target="superseded",
            permission=None,
        ),
        Step(
            name="confirm",
            label=Phrase("Confirm that it is still valid"),
            sources=("effective",),
            target="effective",
            permission=("documents", "review"),
            meaning="periodic_review",
            statement=Phrase("I reviewed this document in its periodic review and found it still valid."),
            effects=("schedule_review",),
            reason=True,
        ),
        Step(
            name="retire",
            label=Phrase("Retire the document"),
            sources=("effective",),
            target="obsolete",
            permission=("documents", "retire"),
            meaning="retirement",
            statement=Phrase("I take this document out of use for the reason given."),
            effects=("retire_item", "assign"),
            reason=True,
        ),
    ),
)

LIFECYCLES: dict[str, Lifecycle] = {lifecycle.record_type: lifecycle for lifecycle in (VERSION,)}
"""Every lifecycle by the table name of its records."""

OTHER_SIGNINGS: dict[tuple[str, str], tuple[str, Phrase]] = {
    ("versions", "read"): (
        "read_and_understood",
        Phrase("I read this version, I understood it, and I will work according to it."),
    ),
    ("import_runs", "commit"): (
        "responsibility",
        Phrase("I checked this import and take responsibility for writing it."),
    ),
    ("revocations", "revoke"): (
        "responsibility",
        Phrase("I take this qualification away for the reason given."),
    ),
    ("exemptions", "approve"): (
        "approval",
        Phrase("I approve this exemption for the reason given."),
    ),
    ("trail_reviews", "review"): (
        "review",
        Phrase("I reviewed the entries of the audit trail of this period. My conclusion is the one above."),
    ),
    ("completions", "record"): (
        "responsibility",
        Phrase("I confirm that this training took place as entered."),
    ),
}
"""Signatures outside of a workflow: (record type, purpose) to the meaning and the sentence that is signed."""


def signing_of(record_type: str, purpose: str) -> tuple[str, Phrase]:
    """Return the meaning and the sentence of a signature. Raises RuleBroken where there is nothing to sign."""
    other = OTHER_SIGNINGS.get((record_type, purpose))
    if other is not None:
        return other
    lifecycle = LIFECYCLES.get(record_type)
    step = lifecycle.step(purpose) if lifecycle is not None else None
    if step is None or step.meaning is None or step.statement is None:
        raise RuleBroken("There is nothing to sign at the step “%(step)s”.", step=purpose)
    return step.meaning, step.statement
