"""What an error of Slack's API means. PURE.

The words are Slack's (docs.slack.dev, chat.postMessage, chat.update, conversations.history).
One that is not known is tried again: a failed delivery is listed in the end, a lost one is not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.notifier.channels.detail import detail
from services.notifier.channels.pauses import retry_after
from services.notifier.outcome import GaveUp, Outcome, Reason, TryLater, suspends

_SLOWER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
# Nothing can be posted before somebody mends the app or its channel; whoever does wants what
# was meant to be posted meanwhile.
_BROKEN = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}
    | {"not_allowed_token_type", "no_permission", "missing_scope", "org_login_required"}
    | {"access_denied", "team_access_not_granted", "ekm_access_denied", "team_not_found"}
    | {"two_factor_setup_required", "enterprise_is_restricted", "accesslimited"}
    | {"not_in_channel", "channel_not_found", "is_archived", "is_inactive"}
    | {"messages_tab_disabled", "restricted_action", "restricted_action_read_only_channel"}
)
_UNREADABLE = frozenset(
    {"msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_blocks_format"}
    | {"invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large"}
    | {"metadata_must_be_sent_from_app", "too_many_attachments", "invalid_arguments"}
    | {"invalid_json", "json_not_object", "invalid_charset", "block_mismatch"}
)
# The message of before cannot be changed any more, or is gone.
_NOT_TO_BE_CHANGED = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "is_ephemeral"}
    | {"message_not_owned_by_app", "cant_broadcast_message", "update_failed"}
)
_NO_THREAD = frozenset(
    {"thread_not_found", "message_not_found", "invalid_thread_ts", "cannot_reply_to_message"}
    | {"restricted_action_thread_locked", "restricted_action_non_threadable_channel"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Slack's no: its word, and what follows from it if nothing else helps."""

    error: str
    outcome: Outcome

    @property
    def is_unreadable(self) -> bool:
        """Whether the message itself is to blame, and a plainer one may be taken."""
        return self.error in _UNREADABLE

    @property
    def is_final_for_the_message(self) -> bool:
        """Whether the message that was to be changed cannot be."""
        return self.error in _NOT_TO_BE_CHANGED

    @property
    def has_no_thread(self) -> bool:
        """Whether there is no thread where the message was to go."""
        return self.error in _NO_THREAD

    @property
    def is_forbidden(self) -> bool:
        """Whether the app may not do this; it may be allowed something else."""
        return suspends(self.outcome)

    @property
    def is_lasting(self) -> bool:
        """Whether asking again gets the same answer."""
        return self.is_forbidden or isinstance(self.outcome, GaveUp)


def refusal_of(
    status: int, data: Any, headers: Mapping[str, str], secrets: Collection[str], now: datetime
) -> Refusal:
    """What an answer means that is no yes; `data` is whatever its body was."""
    body = data if isinstance(data, Mapping) else {}
    error = str(body.get("error") or "")
    needed = f", needed: {body['needed']}" if body.get("needed") else ""
    told = detail(f"Slack answered {status} {error}{needed}".strip(), secrets)
    after = retry_after(headers.get("Retry-After"), now)
    if status == 429 or error in _SLOWER:
        return Refusal(error, TryLater(Reason.RATE_LIMITED, after, told))
    if error in _BROKEN or status in {401, 403}:
        return Refusal(error, TryLater(Reason.BAD_CREDENTIALS, None, told))
    if error in _UNREADABLE:
        return Refusal(error, GaveUp(Reason.INVALID_MESSAGE, told))
    # 5xx, internal_error, a word that is new, and a 200 that is not Slack's.
    return Refusal(error, TryLater(Reason.SERVER_ERROR, after, told, uncertain=True))
