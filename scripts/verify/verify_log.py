#!/usr/bin/env python3
"""Checks a copied directory of transparency logs, without Hongyan and without any library but Python's own.

    verify_log.py DIR --key NAME+ID+BASE64 [--key ...] [--pruned]

DIR is one log (it holds a file named checkpoint) or holds several. Checked are: the signature of the checkpoint (Ed25519,
RFC 8032), every entry against its hash, every tile of every level, and the root (RFC 6962). Of a part of a log, as
`hongyan audit export --from --until` writes it: every entry, and with range.json that none is missing between them. The
first wrong entry is named. --pruned allows that entries are gone from a log's beginning; their hashes are checked.

One key signs all logs of an organisation, each under the name of the log: the name of a --key may be that of any of them.

Formats: C2SP signed-note, tlog-checkpoint, tlog-tiles. Exit status: 0 all is right, 1 something is wrong, 2 wrong usage.
"""

import argparse
import base64
import binascii
import hashlib
import json
import os
import sys

TILE_WIDTH = 256
HASH_OCTETS = 32
MAX_TEXT_OCTETS = 64 * 1024
MAX_BUNDLE_OCTETS = TILE_WIDTH * (65_535 + 2)
ED25519_NOTE = 1


class Wrong(Exception):
    """What is wrong, and with which entry first; None where it is about none."""

    def __init__(self, index, why):
        super().__init__(why)
        self.index = index
        self.why = why


# --- Ed25519, RFC 8032, section 5.1: verification alone, so nothing here is secret and nothing needs constant time.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)


def _x_of(y, sign):
    """The x of a point with this y, or None where there is none (RFC 8032, 5.1.3)."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * SQRT_MINUS_1 % P
    if (x * x - square) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def _point(octets):
    """A point in extended coordinates, or None."""
    number = int.from_bytes(octets, "little")
    y = number & ((1 << 255) - 1)
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def _add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return ((f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P)


def _times(number, point):
    result = (0, 1, 1, 0)
    while number > 0:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _are_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (_x_of(BASE_Y, 0), BASE_Y, 1, _x_of(BASE_Y, 0) * BASE_Y % P)


def ed25519_holds(public, signature, message):
    """Whether the signature over the message is of this key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    # An S of L or more would be a second signature over the same message.
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return _are_equal(_times(s, BASE), _add(r, _times(k, a)))


# --- Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint).


def strict_base64(text):
    octets = base64.b64decode(text, validate=True)
    if base64.b64encode(octets).decode() != text:
        raise ValueError("not canonical")
    return octets


def parse_key(text):
    """Name and public key of <name>+<id>+<base64>; the base64 may hold + itself."""
    pieces = text.strip().split("+", 2)
    if len(pieces) != 3:
        raise ValueError("a key is <name>+<id>+<base64>")
    name, key_id, encoded = pieces
    octets = strict_base64(encoded)
    if len(octets) != 33 or octets[0] != ED25519_NOTE:
        raise ValueError("the key is none of Ed25519")
    if hashlib.sha256(name.encode() + b"\n" + octets).digest()[:4].hex() != key_id:
        raise ValueError("the key's id is not that of the key")
    return name, octets[1:]


def decimal(text):
    """Digits without sign and without leading zeros."""
    if not text or not all("0" <= digit <= "9" for digit in text) or (text[0] == "0" and text != "0"):
        raise ValueError("no decimal number")
    number = int(text)
    if number >= 1 << 64:
        raise ValueError("too large a number")
    return number


def read_checkpoint(octets, publics):
    """Origin, size and root of a note that one of the keys signed under the origin's name."""
    try:
        note = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong(None, "checkpoint: is not UTF-8") from None
    if any(ord(c) < 0x20 and c != "\n" for c in note):
        raise Wrong(None, "checkpoint: holds control characters")
    split = note.rfind("\n\n")
    if split < 0 or not note.endswith("\n") or split + 2 >= len(note):
        raise Wrong(None, "checkpoint: is no signed note")
    text, signatures = note[: split + 1], note[split + 2 : -1].split("\n")
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise Wrong(None, "checkpoint: is not origin, size and root, a line each")
    origin = lines[0]
    try:
        size, root = decimal(lines[1]), strict_base64(lines[2])
    except (ValueError, binascii.Error):
        raise Wrong(None, "checkpoint: size or root cannot be read") from None
    if len(root) != HASH_OCTETS:
        raise Wrong(None, "checkpoint: the root is not 32 octets")
    is_signed = False
    for line in signatures:
        pieces = line.split(" ")
        if len(pieces) != 3 or pieces[0] != "\u2014" or not pieces[1] or "+" in pieces[1]:
            raise Wrong(None, "checkpoint: a signature's line cannot be read")
        try:
            signed = strict_base64(pieces[2])
        except (ValueError, binascii.Error):
            raise Wrong(None, "checkpoint: a signature's line cannot be read") from None
        if pieces[1] != origin:
            continue
        for public in publics:
            key_id = hashlib.sha256(origin.encode() + b"\n" + bytes([ED25519_NOTE]) + public).digest()[:4]
            if signed[:4] == key_id:
                if not ed25519_holds(public, signed[4:], text.encode()):
                    raise Wrong(None, "checkpoint: the signature does not hold")
                is_signed = True
    if not is_signed:
        raise Wrong(None, "checkpoint: none of the keys signed it")
    return origin, size, root


# --- Tiles (C2SP tlog-tiles) and hashes (RFC 6962, 2.1).


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tile_path(kind, number, width):
    """kind is a level, or "entries"."""
    groups = []
    rest = number
    while True:
        groups.append(rest % 1000)
        rest //= 1000
        if rest == 0:
            break
    names = [f"x{group:03}" for group in reversed(groups[1:])] + [f"{groups[0]:03}"]
    partial = f".p/{width}" if width < TILE_WIDTH else ""
    return f"tile/{kind}/{'/'.join(names)}{partial}"


def complete_root(hashes):
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


class Beginning:
    """The first leaves of a tree: the roots of the complete subtrees that they consist of, the largest first."""

    def __init__(self, size=0, roots=()):
        self.size = size
        self.roots = list(roots)

    def append(self, level, root):
        """A complete subtree of 2^level leaves, where the size is a multiple of that."""
        number = self.size >> level
        while number & 1:
            root = node_hash(self.roots.pop(), root)
            number >>= 1
        self.roots.append(root)
        self.size += 1 << level

    def root(self):
        if not self.roots:
            return hashlib.sha256(b"").digest()
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root


class Log:
    """The files of one log."""

    def __init__(self, directory):
        self.directory = directory

    def file(self, name, most):
        """The octets, or None where there is no such file."""
        try:
            with open(os.path.join(self.directory, name), "rb") as file:
                octets = file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Wrong(None, f"{name}: {error.strerror}") from None
        if len(octets) > most:
            raise Wrong(None, f"{name}: has more than {most} octets")
        return octets

    def tile(self, kind, number, width, most):
        """The octets of a tile and its width. A partial one gives way to the full one, which begins alike."""
        octets = self.file(tile_path(kind, number, width), most)
        if octets is None and width < TILE_WIDTH:
            width = TILE_WIDTH
            octets = self.file(tile_path(kind, number, width), most)
        return octets, width

    def hashes(self, level, number, width):
        """The hashes of a tile, as many as asked for."""
        path = tile_path(level, number, width)
        octets, found = self.tile(level, number, width, TILE_WIDTH * HASH_OCTETS)
        if octets is None:
            raise Wrong(None, f"{path}: is missing")
        if len(octets) != found * HASH_OCTETS:
            raise Wrong(None, f"{path}: has {len(octets)} octets, not {found * HASH_OCTETS}")
        return [octets[at : at + HASH_OCTETS] for at in range(0, width * HASH_OCTETS, HASH_OCTETS)]

    def leaves(self, number, width, may_be_pruned):
        """The hashes of a bundle's entries, each checked; and whether the entries are there."""
        first = number * TILE_WIDTH
        path = tile_path("entries", number, width)
        try:
            expected = self.hashes(0, number, width)
            octets, found = self.tile("entries", number, width, MAX_BUNDLE_OCTETS)
        except Wrong as wrong:
            raise Wrong(first, wrong.why) from None
        if octets is None:
            if may_be_pruned:
                return expected, False
            raise Wrong(first, f"{path}: is missing")
        at = 0
        for nth in range(found):
            behind = at + 2 + int.from_bytes(octets[at : at + 2], "big")
            if at + 2 > len(octets) or behind > len(octets):
                raise Wrong(first + min(nth, width - 1), f"{path}: ends inside of entry {nth}")
            if nth < width and leaf_hash(octets[at + 2 : behind]) != expected[nth]:
                raise Wrong(first + nth, "the entry is not the one that was hashed")
            at = behind
        if at != len(octets):
            raise Wrong(first + width - 1, f"{path}: holds more than {found} entries")
        return expected, True


def bundles(start, until):
    """Number and width of each bundle of the entries start to before until; start begins one."""
    for first in range(start, until, TILE_WIDTH):
        yield first // TILE_WIDTH, min(TILE_WIDTH, until - first)


def check_whole(log, size, root, may_be_pruned):
    """Every entry, every tile of every level, the root."""
    tree = Beginning()
    levels = [[]]  # the hashes of the tile of each level that is not full yet
    pruned = 0
    wrongs = []

    def same(level, number, made):
        """A tile begins with what the entries make."""
        leaves = TILE_WIDTH**level
        width = min(TILE_WIDTH, size // leaves - number * TILE_WIDTH)
        first = number * TILE_WIDTH * leaves
        try:
            there = log.hashes(level, number, width)
        except Wrong as wrong:
            wrongs.append(Wrong(first, wrong.why))
            return
        for nth, (one, other) in enumerate(zip(made, there)):
            if one != other:
                why = f"{tile_path(level, number, width)} is not what the entries below it make"
                wrongs.append(Wrong(first + nth * leaves, why))
                return

    try:
        for number, width in bundles(0, size):
            hashes, are_there = log.leaves(number, width, may_be_pruned)
            if not are_there:
                if pruned != tree.size:
                    raise Wrong(tree.size, "its bundle is missing, and others before it are not")
                pruned += width
            for one in hashes:
                tree.append(0, one)
            if width < TILE_WIDTH:
                break
            # A tile that is full is one hash of the tile above it.
            level, full = 1, number
            above = complete_root(hashes)
            while True:
                if len(levels) <= level:
                    levels.append([])
                levels[level].append(above)
                if len(levels[level]) < TILE_WIDTH:
                    break
                full //= TILE_WIDTH
                same(level, full, levels[level])
                above = complete_root(levels[level])
                levels[level] = []
                level += 1
            if wrongs:
                break
    except Wrong as wrong:
        wrongs.append(wrong)
    for level, made in enumerate(levels):
        if level > 0 and made:
            same(level, tree.size // TILE_WIDTH**level // TILE_WIDTH, made)
    if wrongs:
        raise min(wrongs, key=lambda wrong: wrong.index)
    if tree.root() != root:
        raise Wrong(None, "the entries lead to another root than the one that was signed")


def check_part(log, part, size, root):
    """Every entry of a part, and that none is missing between its first and its last."""
    try:
        start, until = part["from"], part["until"]
        sides = [[bytes.fromhex(text) for text in part[name]] for name in ("left_hashes", "right_hashes")]
        numbers_are_right = type(start) is int and type(until) is int and 0 <= start < until <= size
    except (KeyError, TypeError, ValueError):
        raise Wrong(None, "range.json: cannot be read") from None
    if not numbers_are_right or start % TILE_WIDTH:
        raise Wrong(None, "range.json: there is no such part")
    if len(sides[0]) != bin(start).count("1") or any(len(one) != HASH_OCTETS for side in sides for one in side):
        raise Wrong(None, "range.json: the hashes are not those of such a part")
    tree = Beginning(start, sides[0])
    for number, width in bundles(start, until):
        for one in log.leaves(number, width, False)[0]:
            tree.append(0, one)
    for one in sides[1]:
        room = size - tree.size
        if room == 0:
            raise Wrong(None, "range.json: the hashes are not those of such a part")
        begins = (tree.size & -tree.size).bit_length() - 1 if tree.size else 64
        tree.append(min(begins, room.bit_length() - 1), one)
    if tree.size != size or tree.root() != root:
        raise Wrong(None, "the entries and the hashes beside them do not lead to the root that was signed")
    return start, until


def check(directory, publics, may_be_pruned):
    """One line about a log that is right."""
    log = Log(directory)
    octets = log.file("checkpoint", MAX_TEXT_OCTETS)
    if octets is None:
        raise Wrong(None, "checkpoint: is missing")
    origin, size, root = read_checkpoint(octets, publics)
    part = log.file("range.json", MAX_TEXT_OCTETS)
    if part is None:
        check_whole(log, size, root, may_be_pruned)
        return f"{origin}, {size} entries, root {root.hex()}"
    try:
        part = json.loads(part)
    except ValueError:
        raise Wrong(None, "range.json: is no JSON") from None
    start, until = check_part(log, part, size, root)
    return f"{origin}, entries {start} to {until} of {size}, root {root.hex()}"


def logs_below(directory):
    """Tiles without a checkpoint are a log too: a wrong one."""

    def cannot(error):
        raise error

    found = []
    for place, folders, files in os.walk(directory, onerror=cannot):
        if "checkpoint" in files or "tile" in folders:
            found.append(place)
        folders[:] = sorted(folder for folder in folders if folder != "tile")
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory")
    parser.add_argument("--key", action="append", required=True, help="a key that must have signed")
    parser.add_argument("--pruned", action="store_true", help="entries may be gone from the beginning")
    arguments = parser.parse_args()
    try:
        publics = [parse_key(text)[1] for text in arguments.key]
    except (ValueError, binascii.Error) as error:
        parser.error(f"--key: {error}")
    try:
        directories = logs_below(arguments.directory)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    if not directories:
        parser.error(f"{arguments.directory}: there is no log in it")
    is_right = True
    for directory in directories:
        name = os.path.relpath(directory, arguments.directory)
        try:
            print(f"{name}: right: {check(directory, publics, arguments.pruned)}")
        except Wrong as wrong:
            is_right = False
            at = "" if wrong.index is None else f"first wrong at entry {wrong.index}: "
            print(f"{name}: WRONG: {at}{wrong.why}")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
