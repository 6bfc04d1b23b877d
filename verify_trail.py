"""Check an exported audit trail without the application.

    python verify_trail.py FILE [--key FILE]... [--checkpoint FILE]...

Needs Python 3.9 or later and nothing else; with the package "cryptography" installed it checks the signatures too.
The format and every hash are described in docs/trail.md; nothing here is imported from the application, on purpose.

Checked: each entry's hash, each transaction's Merkle root, the chain of links from the first to the last, the
signature of each link and checkpoint, that checkpoints agree with the chain, and that the entries of each record follow
from one another. Exit status 0: sound; 1: findings, one line each; 2: the file cannot be read.
"""

import argparse
import base64
import gzip
import hashlib
import json
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

HEADER = (
    "tx", "n", "at", "action", "kind", "table_name", "record_id", "client_id", "user_id", "username", "printed_name",
    "on_behalf_of", "reason", "request_id", "session_id", "address", "source", "zone", "code_version",
)  # fmt: skip


def canonical(value):
    """The one JSON text that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha(*parts):
    """SHA-256 of the parts one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def leaf_of(entry):
    """H(0x00, header, H(before), H(after)); nothing counts as 32 zero bytes."""
    header = canonical([entry[name] for name in HEADER]).encode()
    sides = [bytes(32) if entry[side] is None else sha(entry[side].encode()) for side in ("before", "after")]
    return sha(b"\x00", header, *sides).hex()


def root_of(leaves):
    """The Merkle tree hash of RFC 6962, by its recursive definition."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return bytes.fromhex(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha(b"\x01", root_of(leaves[:split]), root_of(leaves[split:]))


def link_of(link):
    """H(0x02, link before, [seq, tx, n, root, at, claimed_at, actor, key_id, signature])."""
    fields = ("seq", "tx", "n", "root", "at", "claimed_at", "actor", "key_id", "signature")
    return sha(b"\x02", bytes.fromhex(link["prev"]), canonical([link[name] for name in fields]).encode()).hex()


def signed(public, message, signature):
    """Whether the Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Check:
    """Reads the file once, line by line, and keeps what it finds."""

    def __init__(self, trusted):
        self.trusted = trusted
        self.keys = dict(trusted)
        self.findings = []
        self.entries = self.links = 0
        self.head = "00" * 32
        self.heads = {}
        self.pending = []
        self.rows = {}
        self.partial = False
        self.ended = False

    def find(self, kind, what):
        self.findings.append((kind, what))

    def trail(self, value):
        if value["format"] != 1:
            raise ValueError("the file has a newer format than this program knows")
        self.partial = value["client_id"] is not None

    def key(self, value):
        public = bytes.fromhex(value["public_key"])
        if hashlib.sha256(public).hexdigest()[:16] != value["key_id"]:
            self.find("key_bad", "Key {} is not what its name says.".format(value["key_id"]))
        elif not self.trusted:
            self.keys[value["key_id"]] = public

    def entry(self, entry):
        self.entries += 1
        self.pending.append(entry)
        if "action" not in entry:
            if not self.partial:
                self.find("entry_hidden", "Entry {} of transaction {} is not told.".format(entry["n"], entry["tx"]))
            return
        if leaf_of(entry) != entry["leaf"]:
            self.find("entry_altered", "Entry {} was altered after it was written.".format(entry["id"]))
        self.replay(entry)

    def replay(self, entry):
        """Follow each record through its entries."""
        row, action = (entry["table_name"], entry["record_id"]), entry["action"]
        before = json.loads(entry["before"]) if entry["before"] else {}
        after = json.loads(entry["after"]) if entry["after"] else {}
        held = self.rows.get(row)
        if action == "I":
            if held is not None:
                self.find("history_disagrees", "Entry {} creates a row that was there already.".format(entry["id"]))
            self.rows[row] = after
        elif action in "UD" and held is None:
            self.find("history_disagrees", "Entry {} is about a row that was not there.".format(entry["id"]))
        elif action in "UD":
            for name, old in before.items():
                if name not in held or canonical(held[name]) != canonical(old):
                    self.find(
                        "history_disagrees",
                        "Entry {} tells another {} than was there before.".format(entry["id"], name),
                    )
            if action == "U":
                held.update(after)
            else:
                del self.rows[row]
        elif action == "S":
            self.migrate(after)

    def migrate(self, told):
        for table, change in told.get("tables", {}).items():
            for (name, _), values in self.rows.items():
                if name == table:
                    for dropped in change.get("dropped", ()):
                        values.pop(dropped, None)
                    values.update(change.get("added", {}))
        for table in told.get("dropped_tables", ()):
            self.rows = {row: values for row, values in self.rows.items() if row[0] != table}

    def link(self, link):
        self.links += 1
        seq, entries, self.pending = link["seq"], self.pending, []
        if seq != self.links:
            self.find("link_missing", f"Link {seq} follows after {self.links - 1} links.")
            self.links = seq
        if link["prev"] != self.head:
            self.find("link_order", f"Link {seq} does not follow the one before it.")
        numbers = [entry["n"] for entry in entries]
        leaves = [entry["leaf"] for entry in entries]
        if any(entry["tx"] != link["tx"] for entry in entries) or numbers != sorted(set(numbers)):
            self.find("link_entries", f"Link {seq} is told with entries of another transaction or order.")
        elif len(leaves) != link["n"] or root_of(leaves).hex() != link["root"]:
            self.find("link_entries", f"The entries of link {seq} are not those that it was made over.")
        if link_of(link) != link["link"]:
            self.find("link_altered", f"Link {seq} was altered after it was made.")
        self.signature(link)
        self.head = self.heads[seq] = link["link"]

    def signature(self, link):
        if Ed25519PublicKey is None or not self.keys:
            return
        seq, key, signature = link["seq"], link["key_id"], link["signature"]
        if not key or not signature:
            self.find("signature_missing", f"Link {seq} is not signed by the application.")
        elif key not in self.keys:
            self.find("key_unknown", f"Link {seq} is signed with the key {key}, which is not trusted.")
        else:
            told = ["qualgate-link-1", link["tx"], link["n"], link["root"], link["claimed_at"], link["actor"], key]
            if not signed(self.keys[key], canonical(told).encode(), bytes.fromhex(signature)):
                self.find("signature_bad", f"The signature of link {seq} does not hold.")

    def checkpoint(self, value):
        body, _, tail = value["note"].partition("\n\n")
        lines, words = body.split("\n"), tail.strip("\n").split(" ")
        try:
            seq, head = int(lines[1]), base64.b64decode(lines[2], validate=True).hex()
            blob = base64.b64decode(words[2], validate=True)
        except (ValueError, IndexError):
            self.find("checkpoint_bad", "The checkpoint {} is damaged.".format(value["place"]))
            return
        if Ed25519PublicKey is not None and self.keys:
            text = (body + "\n").encode()
            if not any(signed(public, text, blob[4:]) for public in self.keys.values()):
                self.find(
                    "checkpoint_bad", "The checkpoint {} is not signed with a trusted key.".format(value["place"])
                )
                return
        if self.heads.get(seq) != head:
            self.find("checkpoint_disagrees", "The checkpoint {} tells of another link {}.".format(value["place"], seq))

    def end(self, value):
        self.ended = True
        if self.pending:
            self.find("entry_unlinked", f"The last {len(self.pending)} entries belong to no link.")
        if (value["links"], value["entries"]) != (self.links, self.entries):
            self.find("file_cut", "The file should hold {links} links and {entries} entries.".format(**value))


def read(check, path):
    """Hand every line of the file to the check."""
    digest = hashlib.sha256()
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if check.ended:
                check.find("file_longer", f"Something follows after the end, from line {number}.")
                break
            try:
                ((kind, value),) = json.loads(line).items()
                if kind not in ("trail", "key", "entry", "link", "checkpoint", "end") or (kind == "trail") != (
                    number == 1
                ):
                    raise ValueError("unexpected line")
                getattr(check, kind)(value)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                check.find("line_bad", f"Line {number} cannot be understood: {error}")
                continue
            if kind == "end" and value.get("sha256") != digest.hexdigest():
                check.find("file_altered", "The file was altered after it was exported.")
            digest.update(line)
    if not check.ended:
        check.find("file_cut", "The file has no end: it was cut off.")


def main(arguments=None):
    """Check the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="the exported trail, .jsonl or .jsonl.gz")
    parser.add_argument(
        "--key", action="append", default=[], help="a trusted public key file (trail_key.pub), kept outside"
    )
    parser.add_argument("--checkpoint", action="append", default=[], help="a checkpoint kept outside")
    options = parser.parse_args(arguments)
    try:
        trusted = {}
        for path in options.key:
            with open(path, encoding="ascii") as file:
                name, public = file.read().split()
            trusted[name] = bytes.fromhex(public)
        check = Check(trusted)
        read(check, options.file)
        for path in options.checkpoint:
            with open(path, encoding="utf-8") as file:
                check.checkpoint({"place": path, "note": file.read()})
    except (OSError, ValueError, EOFError) as error:
        print(f"Cannot read: {error}", file=sys.stderr)
        return 2
    for kind, what in check.findings:
        print(f"{kind}: {what}")
    print(f"{check.links} links, {check.entries} entries, head {check.head}")
    if Ed25519PublicKey is None:
        print("Signatures were not checked: the package cryptography is not installed.")
    elif not trusted:
        print("Signatures were checked with the keys told in the file itself; give --key to trust your own copy.")
    print(f"FINDINGS: {len(check.findings)}" if check.findings else "SOUND")
    return 1 if check.findings else 0


if __name__ == "__main__":
    sys.exit(main())
