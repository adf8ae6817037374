"""The town's diary: one JSON line for every decision, with its reason and how it went."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from town.action import Action, facts_of, name_of


class DecisionLog:
    """Appends events in the shape Gas Town's own tools read: ts, source, type, actor, payload, visibility."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        path.parent.mkdir(parents=True, exist_ok=True)

    def decided(self, action: Action, outcome: str = "ok") -> None:
        """Write down an action and what came of it."""
        self.happened(name_of(action), {**facts_of(action), "outcome": outcome})

    def happened(self, name: str, payload: Mapping[str, Any]) -> None:
        """Write down something that was not our decision."""
        now = datetime.fromtimestamp(self._clock() / 1000, UTC)
        event = {
            "ts": now.isoformat(timespec="milliseconds"),
            "source": "town",
            "type": name,
            "actor": "supervisor",
            "payload": payload,
            "visibility": "audit",
        }
        # One write of one line, so that two writers cannot tear each other's.
        with self._path.open("a") as file:
            file.write(json.dumps(event, ensure_ascii=False) + "\n")
