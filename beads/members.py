"""The members of a record of its kind, in the order in which they are written."""

from typing import Final

KEYS: Final = (
    "_type", "id", "content_hash", "title", "description", "design", "acceptance_criteria", "notes", "spec_id",
    "status", "priority", "issue_type", "assignee", "owner", "estimated_minutes", "created_at", "created_by",
    "updated_at", "started_at", "closed_at", "close_reason", "closed_by_session", "due_at", "defer_until",
    "external_ref", "source_system", "source_repo", "metadata", "compaction_level", "compacted_at",
    "compacted_at_commit", "original_size", "labels", "dependencies", "comments", "deleted_at", "deleted_by",
    "delete_reason", "original_type", "replies_to", "relates_to", "duplicate_of", "superseded_by", "sender",
    "ephemeral", "wisp", "no_history", "wisp_type", "pinned", "is_template", "bonded_from", "creator",
    "validations", "quality_score", "crystallizes", "await_type", "await_id", "timeout", "waiters", "holder",
    "source_formula", "source_location", "hook_bead", "role_bead", "agent_state", "last_activity", "role_type",
    "rig", "mol_type", "work_type", "event_kind", "actor", "target", "payload", "dependency_count",
    "dependent_count", "comment_count", "parent",
)  # fmt: skip
"""Keys in the order of upstream's struct, those that later versions removed in the places they had."""
