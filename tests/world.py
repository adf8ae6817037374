"""Actors, commons and ledgers for tests: real keys, real stores, a clock in hand."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from beads import body, genesis, gitobject, ids, limits, op, segment
from beads.database import Sqlite
from beads.files import git_environment
from beads.git_store import GitStore
from beads.gitobject import GitObject, TreeEntry
from beads.index import Index
from beads.ledger import Author, Draft, Ledger
from beads.memory_store import MemoryStore
from beads.op import Line, Op
from beads.projection import BEADS, SEARCH
from beads.remote import GitRemote
from beads.rules import Rules
from beads.store import Store
from beads.sync import Syncer
from stamps import canon, dataintegrity, envelope, keylog, webvh
from stamps.jcs import jcs_encode
from stamps.keys import SigningKey
from wanted.item import Terms
from wanted.ops.table import BOARD
from wanted.projection import TABLES

EPOCH_MS = 1_790_000_000_000
TERMS = Terms(
    project=None, effort="small", priority=2, skills=(), dimensions=(), winners=1, competition=False, checks=(),
    deadline=None,
)  # fmt: skip


def seed(name: str) -> bytes:
    return name.encode().ljust(32, b".")[:32]


def actor(name: str) -> Author:
    """An actor whose keys follow from the name."""
    device = SigningKey.from_seed(seed(f"{name} device"))
    raw = keylog.incept(
        update=SigningKey.from_seed(seed(f"{name} update")),
        next_update=SigningKey.from_seed(seed(f"{name} next")).public,
        device=device.public,
        time="2026-09-21T00:00:00Z",
    )
    return Author(keylog.verify(raw), device)


def second(name: str, purpose: str = "assertionMethod") -> Author:
    """The same actor after it added a key, with that key in hand: another device, or an agent's (`authentication`)."""
    update, added = SigningKey.from_seed(seed(f"{name} next")), SigningKey.from_seed(seed(f"{name} {purpose}"))
    before = actor(name).key_log
    document = msgspec.json.decode(msgspec.json.encode(before.entries[-1].document))
    method = f"{document['id']}#{added.public.multibase}"
    document["verificationMethod"].append(
        {"id": method, "type": "Multikey", "controller": document["id"], "publicKeyMultibase": added.public.multibase}
    )
    document[purpose] = [*document.get(purpose, []), method]
    parameters = {
        "updateKeys": [update.public.multibase],
        "nextKeyHashes": [webvh.key_hash(SigningKey.from_seed(seed(f"{name} third")).public)],
    }
    entry = {
        "versionId": before.entries[-1].version_id, "versionTime": "2026-09-21T00:00:01Z", "parameters": parameters,
        "state": document,
    }  # fmt: skip
    entry["versionId"] = f"2-{webvh.multihash(jcs_encode(entry))}"
    signed = dataintegrity.sign(entry, update, created="2026-09-21T00:00:01Z")
    raw = before.raw + jcs_encode(signed | {"proof": [signed["proof"]]}) + b"\n"
    return Author(keylog.verify(raw), added)


@dataclass
class Clock:
    ms: int = EPOCH_MS

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


@dataclass
class Salt:
    counter: Any = field(default_factory=count)

    def __call__(self) -> bytes:
        return int(next(self.counter)).to_bytes(16, "big")


def found(*delegates: Author, private: bool = False, **options: Any) -> bytes:
    return genesis.build(
        name="Test Commons", salt="A" * 22, created=EPOCH_MS, private=private,
        delegates=tuple(d.actor for d in delegates), **options,
    )  # fmt: skip


def ledger_over(
    store: Store, clock: Clock | None = None, path: Path | None = None, rules: Rules = BOARD,
    shunned: Callable[[], frozenset[str]] = frozenset,
) -> Ledger:  # fmt: skip
    database = Sqlite(path or Path(":memory:"))

    def index(ledger: Ledger) -> Index:
        return Index(database, ledger.commons, ledger.genesis, rules, (BEADS, SEARCH, *TABLES), ledger.key_log)

    return Ledger(store, index, rules, clock or Clock(), Salt(), shunned)


def memory_ledger(raw: bytes, clock: Clock | None = None) -> Ledger:
    return ledger_over(MemoryStore(raw), clock)


def git_ledger(raw: bytes, folder: Path, clock: Clock | None = None) -> Ledger:
    return ledger_over(GitStore.create(folder / "repo.git", raw), clock, folder / "index.sqlite")


def write(ledger: Ledger, author: Author, *drafts: Draft) -> list[Op]:
    return ledger.write(author, lambda _: list(drafts))


def create(title: str, **fields: Any) -> Draft:
    """A draft of a bead."""
    pairs = sorted(fields.items())
    return Draft("bead.create", {"type": "task", "fields": pairs, "prose": ["title"]}, {"title": title})


def rows(ledger: Ledger, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
    return ledger.index.database.query(sql, parameters or {})


class Chain:
    """The lines of one log, made by hand: honest by default, and whatever a test wants otherwise."""

    def __init__(self, author: Author, commons: str, start: Sequence[Line] = ()) -> None:
        self.author = author
        self.commons = commons
        self.log = author.log(commons)
        self.lines: list[Line] = list(start)

    def fork(self, at: int) -> "Chain":
        """A second continuation from position `at` on."""
        return Chain(self.author, self.commons, self.lines[:at])

    def open(self) -> Line:
        return self.add("open", {"actor": self.author.actor, "key": self.author.signer.public.did})

    def add(self, t: str, p: Mapping[str, Any], *, body: bytes | None = None, **odd: Any) -> Line:
        """Append an operation; `odd` members replace honest ones (`signer` signs instead of the author)."""
        line = self.line(t, p, body=body, **odd)
        self.lines.append(line)
        return line

    def line(self, t: str, p: Mapping[str, Any], *, body: bytes | None = None, **odd: Any) -> Line:
        """Make the operation that would come next, without appending it."""
        signer = odd.pop("signer", self.author.signer)
        header = canon.encode(self.header(t, p, body=body) | odd)
        return op.read_header(header, signer.sign(envelope.pae(header)))

    def header(self, t: str, p: Mapping[str, Any], *, body: bytes | None = None) -> dict[str, Any]:
        end = self.lines[-1] if self.lines else None
        value: dict[str, Any] = {
            "v": 1, "c": self.commons, "log": self.log, "seq": end.seq + 1 if end else 0,
            "prev": end.id if end else None, "hlc": [end.hlc.ms + 1 if end else EPOCH_MS, 0], "t": t, "p": op.plain(p),
        }  # fmt: skip
        if body is not None:
            value["body"] = {"h": sha256(body).hexdigest(), "n": len(body)}
        return value

    @property
    def raw(self) -> list[bytes]:
        return [line.raw for line in self.lines]


def unsigned(author: Author, commons: str, count: int) -> list[Line]:
    """A long log for stores, which never look at signatures."""
    chain = Chain(author, commons)
    for n in range(count):
        header = canon.encode(chain.header("bead.create", {"n": n}))
        chain.lines.append(op.read_header(header, bytes(64)))
    return chain.lines


@dataclass
class Said:
    """A `beads.ingest.Source` out of a test's hand."""

    keys: dict[str, bytes] = field(default_factory=dict)
    chains: dict[str, list[bytes]] = field(default_factory=dict)
    forks: list[tuple[str, list[bytes]]] = field(default_factory=list)
    prose: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def key_logs(self) -> Mapping[str, bytes]:
        return self.keys

    def logs(self) -> list[str]:
        return sorted(self.chains)

    def segments(self, log: str) -> int:
        return -(-len(self.chains[log]) // limits.SEGMENT)

    def segment(self, log: str, n: int) -> list[bytes]:
        return self.chains[log][n * limits.SEGMENT : (n + 1) * limits.SEGMENT]

    def branches(self) -> list[tuple[str, Callable[[], list[bytes]]]]:
        return [(log, partial(list, lines)) for log, lines in self.forks]

    def bodies(self) -> list[tuple[str, Callable[[], list[tuple[int, bytes]]]]]:
        return [(log, partial(list, bodies)) for log, bodies in self.prose.items()]


def said(store: Store) -> Said:
    """Everything a store holds, as a peer would tell it."""
    logs = store.logs()
    return Said(
        keys={ids.actor_ref(scid): raw for scid, raw in store.key_logs().items()},
        chains={log: lines for log in logs if (lines := store.lines(log))},
        forks=[(log, branch) for log in logs for branch in store.branches(log)],
        prose={log: bodies for log in logs if (bodies := list(store.bodies(log)))},
    )


def keys_of(*authors: Author) -> dict[str, bytes]:
    return {ids.actor_ref(each.actor): each.key_log.raw for each in authors}


def prose(**texts: str) -> bytes:
    return body.build(texts, b"s" * 16)


# -- git ---------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    """Run git on a bare repository; a failure shows what git said."""
    command = ["git", f"--git-dir={folder}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, env=git_environment())
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
    return done.stdout


def relay(folder: Path) -> Path:
    """A plain bare repository, as any git host gives one."""
    path = folder / "relay.git"
    subprocess.run(["git", "init", "--bare", "-q", str(path)], check=True, env=git_environment())
    return path


def remote_refs(path: Path) -> dict[str, str]:
    listed = git(path, "for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines()
    pairs = (line.split(" ") for line in listed)
    return {name: target for name, target in pairs if name}


def put(path: Path, objects: Sequence[GitObject], refs: Mapping[str, str]) -> None:
    """Lay raw objects and references into a repository, past every check that git has."""
    for one in objects:
        file = path / "objects" / one.id[:2] / one.id[2:]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(gitobject.loose(one))
    for name, target in refs.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(target + "\n")


def publish(path: Path, commons: str, *chains: Sequence[Line]) -> None:
    """Lay logs into a repository just as an honest node would, whatever they say."""
    for lines in chains:
        objects, head = segment.append(segment.EMPTY, lines)
        log = lines[0].log
        put(path, objects, {f"refs/wl/{commons}/log/{log[:2]}/{log}": head})


def publish_keys(path: Path, commons: str, *authors: Author) -> None:
    for each in authors:
        put_files(path, f"refs/wl/{commons}/id/{ids.actor_ref(each.actor)}", {"keys.jsonl": each.key_log.raw})


def put_files(path: Path, ref: str, files: Mapping[str, bytes]) -> None:
    """One commit of plain files under a reference; `…/id/<id>` gets its shard."""
    head, _, name = ref.rpartition("/")
    shard = f"/{name[:2]}" if len(name) == 32 else ""
    blobs = {file: gitobject.make(gitobject.BLOB, raw) for file, raw in files.items()}
    root = gitobject.tree(TreeEntry(file, gitobject.FILE_MODE, blob.id) for file, blob in blobs.items())
    commit = gitobject.commit(root.id, (), "x <x@wl.invalid>", 0, "x\n")
    put(path, [*blobs.values(), root, commit], {f"{head}{shard}/{name}": commit.id})


def store_of(ledger: Ledger) -> GitStore:
    assert isinstance(ledger.store, GitStore)
    return ledger.store


def syncer(ledger: Ledger, path: Path) -> Syncer:
    return Syncer(ledger, store_of(ledger), GitRemote(str(path)))
