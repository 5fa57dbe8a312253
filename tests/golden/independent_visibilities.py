"""Decodes visibilities (codec 96), lattices and integers, by docs/format.md alone; it has no code of the package.

Floats that are kept as they are, kind 2, it does not know.
"""

from __future__ import annotations

import ast
import struct
from functools import cache
from math import floor, inf, prod, sqrt
from pathlib import Path

from independent_decoder import (
    CODEC,
    Bytes,
    Coder,
    Decision,
    Frame,
    MissingError,
    Number,
    TruncatedError,
    crc32c,
    demand,
    read_frame,
    single,
)

VISIBILITY = 96
LATTICE, INTEGERS, FLOATS = range(3)
CODED, ZERO, KEPT = range(3)
TABLES = Path(__file__).parents[2] / "astrocodec" / "stages" / "visibility_tables.py"
NETWORK = TABLES.with_name("visibility_mixing_weights.py")
NETWORK_CRC = 0x87953841
OCTAVE = (
    *(4503599627370496, 4911210218475899, 5355712719992597, 5840446135085607),
    *(6369051672525773, 6945500098633947, 7574121564787629, 8259638134547591),
)
REACHES = 4467, 4871, 5312, 5793, 6317, 6889, 7513, 8192
INVERSE = 62757, 57549, 52773, 48393, 44376, 40693, 37316, 34219
SHARES_START = 97, 110, 124, 137, 155, 181
BOUNDS = 13 / 32, 22 / 32, 36 / 32, 54 / 32, 3.0


def decode_visibilities(stream: bytes) -> tuple[str, tuple[int, ...], bytes]:
    """Data type, shape and little-endian elements of a stream."""
    frame = read_frame(stream)
    demand(frame.codec == VISIBILITY, f"codec {frame.codec}")
    demand(len(stream) >= frame.length + 4, "checksum", TruncatedError)
    elements = Block(frame, Bytes(stream[frame.length : -4])).elements()
    demand(frame.checksum_kind == 0, "an exact codec, and the other kind of checksum")
    demand(crc32c(stream[: frame.length] + elements) == int.from_bytes(stream[-4:], "little"), "checksum")
    return frame.data_type, frame.shape, elements


class Block:
    """A stream's samples."""

    def __init__(self, frame: Frame, data: Bytes) -> None:
        said = frame.sections[CODEC]
        demand(len(said) == 21, "parameters")
        self.kind, self.base, self.noise, self.seed = struct.unpack("<BddI", said)
        self.is_complex = frame.data_type[0] == "c"
        demand(len(frame.shape) == 5 - self.is_complex, "axes")
        demand(
            self.is_complex or (frame.data_type in ("u1", "i1", "u2", "i2", "u4", "i4") and frame.shape[4] == 2), "type"
        )
        demand(self.kind <= FLOATS and (self.is_complex or self.kind == INTEGERS), "kind")
        demand(2.0**-400 <= self.base <= 2.0**400 and 16 <= self.noise <= 2.0**40, "base and noise")
        demand(self.kind != INTEGERS or self.is_complex or (self.base == floor(self.base) < 2**31), "base of integers")
        if self.kind == FLOATS:
            raise MissingError("floats")
        self.frame = frame
        self.times, self.baselines, self.channels, self.pols = frame.shape[:4]
        demand(min(frame.shape[:4]) > 0 and self.channels * self.pols <= 1 << 22, "shape")
        demand(prod(frame.shape[:4]) // 65536 <= len(data.data), "bytes", TruncatedError)
        self.turns = (0, 3, 1, 2) if self.pols == 4 else tuple(range(self.pols))
        self.places: list[bytes] = [b""] * prod(frame.shape[:4])
        steps = Bytes(data.take(data.varint()))
        self.read_steps(steps)
        lanes = 32
        while lanes > 1 and lanes * self.channels * self.pols > 1 << 20:
            lanes //= 2
        each = self.times * self.channels * self.pols * lanes
        rounds = -(-(1 << 19) // each)
        starts = list(range(0, self.baselines, lanes))
        for at in range(0, len(starts), rounds):
            group = [range(first, min(first + lanes, self.baselines)) for first in starts[at : at + rounds]]
            Group(self, Bytes(data.take(data.varint())), group).decode()
        data.finish("the last group")

    def read_steps(self, data: Bytes) -> None:
        """Exponents of baselines and of channels."""
        coder = Coder(data, 1)

        def difference(kinds: tuple[Decision, Decision, Number]) -> int:
            if not kinds[0].pop(coder):
                return 0
            is_less = kinds[1].pop(coder)
            size = kinds[2].pop(coder)
            return -size if is_less else size

        found = []
        for number, rows in enumerate((self.baselines, self.channels)):
            kinds = Decision(255), Decision(255), Number()
            e: list[list[int]] = []
            for row in range(rows):
                e.append([])
                for p in range(self.pols):
                    if row == 0:
                        expected = e[0][p - 1] if p else 0
                    else:
                        expected = e[row - 1][p]
                        if number and p:
                            expected += e[row][p - 1] - e[row - 1][p - 1]
                            expected = max(-1023, min(1023, expected))
                    value = expected + difference(kinds)
                    demand(abs(value) <= 1023, "exponent")
                    e[row].append(value)
            found.append(e)
        coder.finish()
        self.of_baselines, self.of_channels = found

    def unit(self, b: int, f: int, p: int) -> float:
        """1/256 of a step."""
        e = self.of_baselines[b][p] + self.of_channels[f][p]
        return ((self.base / 256) * (OCTAVE[e % 8] * 2.0**-52)) * 2.0 ** (e // 8)

    def element(self, t: int, b: int, f: int, p: int) -> int:
        """Place of a sample."""
        return ((t * self.baselines + b) * self.channels + f) * self.pols + p

    def elements(self) -> bytes:
        """All, in order."""
        return b"".join(self.places)

    def dither(self, element: int, part: int) -> int:
        """Byte of a part."""
        z = (self.seed + element) * 0x9E3779B1 & 0xFFFFFFFF
        z = (z ^ (z >> 16)) * 0x85EBCA6B & 0xFFFFFFFF
        z = (z ^ (z >> 13)) * 0xC2B2AE35 & 0xFFFFFFFF
        return (z ^ (z >> 16)) >> 8 * part & 255

    def part_bytes(self, value: float) -> bytes:
        """A part as the data type has it."""
        size = self.frame.part_size
        if not self.is_complex:
            demand(value == floor(value), "a whole number")
            lowest = 0 if self.frame.data_type[0] == "u" else -(1 << 8 * size - 1)
            demand(lowest <= value < lowest + (1 << 8 * size), "range of integers")
            return int(value).to_bytes(size, "little", signed=lowest < 0)
        if size == 8:
            return struct.pack("<d", value)
        largest = (2.0 - 2.0**-23) * 2.0**127
        return struct.pack("<f", max(-largest, min(largest, value)))


@cache
def shares() -> tuple[tuple[int, ...], ...]:
    """The numbers S of three shapes, read as text."""
    for node in ast.parse(TABLES.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SHARES":
            found: tuple[tuple[int, ...], ...] = ast.literal_eval(node.value)
            numbers = [number for shape in found for number in shape]
            demand(crc32c(struct.pack(f"<{len(numbers)}I", *numbers)) == 0x6ED123F6, "the numbers of the shapes")
            return found
    raise MissingError("the numbers of the shapes")


@cache
def network() -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """The first layer's weights and biases, read as text."""
    found = {}
    for node in ast.parse(NETWORK.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("WEIGHTS", "BIASES"):
            found[getattr(node.targets[0], "id", "")] = ast.literal_eval(node.value)
    numbers = [number for row in (*found["WEIGHTS"], found["BIASES"]) for number in row]
    demand(crc32c(struct.pack(f"<{len(numbers)}i", *numbers)) == NETWORK_CRC, "the numbers of the network")
    return found["WEIGHTS"], found["BIASES"]


def mixed(layer: list[int], inputs: list[float]) -> list[int]:
    """What the network says: o_1 to o_4."""
    logs = []
    for i, x in enumerate(inputs):
        log = (int.from_bytes(struct.pack("<f", x), "little") >> 20) - 1016 - (45 if i < 4 else 0)
        logs.append(max(-64, min(64, log >> 1 if i == 6 else log)))
    hidden = [
        max(0, min(128, (sum(w * x for w, x in zip(row, logs, strict=True)) + bias) >> 6))
        for row, bias in zip(*network(), strict=True)
    ]
    rows = [layer[9 * o : 9 * o + 9] for o in range(4)]
    return [max(-64, min(64, sum(w * x for w, x in zip(row, [*hidden, 64], strict=True)) >> 6)) for row in rows]


def power_of_eighths(n: int) -> float:
    """2^(n/8)."""
    return float(OCTAVE[n & 7]) * 2.0 ** ((n >> 3) - 52)


def reach(k: int) -> int:
    """R(k)."""
    return 2 + ((6 * REACHES[k & 7] << (k >> 3)) >> 16)


@cache
def table(shape: int, k: int, j: int) -> list[int]:
    """Cumulative frequencies."""
    size, knots = 2 * reach(k) + 1, shares()[shape]
    cum = [0]
    for i in range(1, size):
        e = 16 * (i - reach(k)) - 2 * j - 1
        y = (abs(e) * INVERSE[k & 7] << 4) >> (k >> 3)
        q = min(y >> 16, 128)
        p = knots[q] + (((knots[min(q + 1, 128)] - knots[q]) * (y & 65535)) >> 16)
        p = (1 << 24) - p if e < 0 else p
        cum.append(((p * (16384 - size)) >> 24) + i)
    return [*cum, 16384]


class Usual:
    """U of a turn, part and lane."""

    def __init__(self, size: float, seen: int) -> None:
        self.size, self.seen, self.was_small = size, seen, False

    def learn(self, distance: float) -> None:
        """Take the distance of a coded sample in."""
        is_small = distance < self.size * (1 / 1024)
        if is_small and self.was_small:
            size = self.size * 0.5
        else:
            most = 8 * self.size
            size = self.size + ((distance if distance < most else most) - self.size) / self.seen
        self.was_small = is_small
        self.size = size if size > 4 else 4.0
        self.seen = min(self.seen + 1, 128)


class Group:
    """Rounds that share states, found and counted."""

    def __init__(self, block: Block, data: Bytes, rounds: list[range]) -> None:
        self.block, self.rounds = block, rounds
        flags = data.u(1)
        self.is_predicted, self.shape, has_classes = flags & 1, flags >> 1 & 3, flags >> 3 & 1
        demand(self.shape <= 2 and flags < 32 and (flags < 16 or self.is_predicted), "group")
        demand(not self.is_predicted or block.pols <= 64, "polarisations of a group that is predicted")
        self.layer = [number - 256 * (number > 127) for number in data.take(36)] if flags > 15 else None
        self.classes: dict[tuple[int, int, int, int], int] = {}
        if has_classes:
            self.read_classes(Bytes(data.take(data.varint())))
            self.take_kept(data)
        self.states = min(4, lanes_of(rounds[0]))
        self.coder = Coder(data, self.states)
        product = [[[pa * pb / 16384 * pc / 128 for pa in SHARES_START] for pb in SHARES_START] for pc in SHARES_START]
        start = [number for plane in product for row in plane for number in row]
        self.found = [[8 * number for number in start] for _ in range(2)]
        self.counted = [[8.0] * 216 for _ in range(2)]

    def of(self, t: int, b: int, f: int, p: int) -> int:
        """Class of a sample."""
        return self.classes.get((t, b, f, p), CODED)

    def read_classes(self, data: Bytes) -> None:
        """The table of classes."""
        block, coder = self.block, Coder(data, 1)
        same = [Decision(255), Decision(255)]
        not_coded, is_kept = [Decision(255) for _ in range(27)], [Decision(255) for _ in range(27)]
        was_same = True
        for lanes in self.rounds:
            for t in range(block.times):
                for b in lanes:
                    was_same = bool(same[was_same].pop(coder))
                    for f in range(block.channels):
                        for turn, p in enumerate(block.turns):
                            before = self.of(t - 1, b, f, p)
                            if was_same:
                                found = before
                            else:
                                c = self.of(t, b, f, block.turns[turn - 1]) if turn else 0
                                at = 9 * before + 3 * self.of(t, b, f - 1, p) + c
                                found = CODED
                                if not_coded[at].pop(coder):
                                    found = KEPT if is_kept[at].pop(coder) else ZERO
                            if found:
                                self.classes[t, b, f, p] = found
        coder.finish()

    def take_kept(self, data: Bytes) -> None:
        """Parts of samples that are kept, and zeros."""
        block = self.block
        size = 2 * block.frame.part_size
        for lanes in self.rounds:
            for t in range(block.times):
                for f in range(block.channels):
                    for p in block.turns:
                        for b in lanes:
                            if kind := self.of(t, b, f, p):
                                block.places[block.element(t, b, f, p)] = (
                                    data.take(size) if kind == KEPT else bytes(size)
                                )

    def decode(self) -> None:
        """All rounds."""
        usual: list[list[list[float]]] = []
        weights: Weights | None = None
        joint: list[list[Joint]] = []
        if self.layer:
            joint = [[Joint(19 if turn else 16) for _ in range(3)] for turn in range(self.block.pols)]
        for lanes in self.rounds:
            walk = Round(self, lanes, usual, weights, joint)
            walk.decode()
            usual = [[[u.size for u in part] for part in turn] for turn in walk.usual]
            weights = walk.predictor.weights if walk.predictor else None
        self.coder.finish()

    def number(self, lane: int, k: int, j: int) -> int:
        """a, which a symbol and what follows it stand for."""
        state = lane % self.states
        r = reach(k)
        i = self.coder.symbol(state, table(self.shape, k, j))
        a = i - r
        if i in (0, 2 * r):
            b = self.coder.raw(state, 6)
            demand(b <= 46, "raw bits")
            v = (1 << b) + self.raw(state, b) - 1
            a += -v if i == 0 else v
        return a

    def raw(self, state: int, bits: int) -> int:
        """Raw bits, 16 at a time from the lowest."""
        value = at = 0
        while at < bits:
            some = min(16, bits - at)
            value |= self.coder.raw(state, some) << at
            at += some
        return value


def lanes_of(baselines: range) -> int:
    """Lanes of a round."""
    return 1 << (len(baselines) - 1).bit_length()


class Round:
    """Some baselines, side by side."""

    def __init__(
        self,
        group: Group,
        lanes: range,
        before: list[list[list[float]]],
        weights: Weights | None,
        joint: list[list[Joint]],
    ) -> None:
        self.group, self.lanes, block = group, lanes, group.block
        self.n = len(lanes)
        seen = 64 if block.kind == LATTICE else 16
        noise = block.noise

        def start(turn: int, part: int) -> float:
            if not before:
                return noise
            total = 0.0
            for size in before[turn][part]:
                total += size
            return total / len(before[turn][part])

        self.usual = [
            [[Usual(start(turn, part), seen) for _ in lanes] for part in range(2)] for turn in range(block.pols)
        ]
        self.trellis = [[0, 0] for _ in lanes]
        self.is_long = block.times * block.channels * block.pols >= 64
        # D of this time and the one before: [turn][f][lane]
        self.far: list[list[list[float]]] = []
        self.far_before: list[list[list[float]]] | None = None
        self.predictor = Predictor(self, weights, joint) if group.is_predicted else None

    def decode(self) -> None:
        """All samples."""
        block = self.group.block
        for t in range(block.times):
            self.far_before = self.far if t else None
            self.far = [[] for _ in block.turns]
            if self.predictor:
                self.predictor.begin(t)
            for f in range(block.channels):
                for turn, p in enumerate(block.turns):
                    self.step(t, f, turn, p)

    def neighbours(self, f: int, turn: int, lane: int) -> tuple[float, float]:
        """Row and column."""
        now, before, last = self.far[turn], self.far_before, self.group.block.channels - 1
        near = now[f - 1][lane] if f > 0 else 1.0
        second = now[f - 2][lane] if f > 1 else near
        row = 0.75 * near + 0.25 * second
        above = before[turn][f][lane] if before else 1.0
        left = before[turn][f - 1][lane] if before and f > 0 else above
        right = before[turn][f + 1][lane] if before and f < last else above
        return row, 0.5 * above + 0.25 * (left + right)

    def around(self, f: int, turn: int, lane: int, first: float | None) -> tuple[float, float, float]:
        """Row, column and third; first is the distance of part 0 for part 1."""
        third = self.far[turn - 1][f][lane] if turn else 1.0
        if first is not None:
            third = first / self.usual[turn][0][lane].size
        return *self.neighbours(f, turn, lane), third

    def step(self, t: int, f: int, turn: int, p: int) -> None:
        """A sample of each lane."""
        group, block = self.group, self.group.block
        coded = [group.of(t, b, f, p) == CODED for b in self.lanes]
        means = self.predictor.means(t, f, turn, p) if self.predictor else [(0.0, 0.0)] * self.n
        values = [[0.0, 0.0] for _ in self.lanes]
        parts = [[b"", b""] for _ in self.lanes]
        distances = [[0.0, 0.0] for _ in self.lanes]
        for part in range(2):
            at = [0] * self.n
            scales = [0.0] * self.n
            for lane, b in enumerate(self.lanes):
                if not coded[lane]:
                    continue
                row, column, third = self.around(f, turn, lane, distances[lane][0] if part else None)
                at[lane] = sum(
                    weight * sum(bound < value for bound in BOUNDS)
                    for weight, value in ((1, row), (6, column), (36, third))
                )
                u = self.usual[turn][part][lane].size
                d = u * (group.found[part][at[lane]] / group.counted[part][at[lane]])
                if group.layer and self.predictor:
                    said = self.predictor.said[lane]
                    if part:
                        said = mixed(group.layer, self.predictor.inputs(turn, lane, (row, column, third)))
                    d = d * ((max(said[3], -32) + 64) / 64)
                scales[lane] = d
                m = means[lane][part]
                mean = floor(m + 0.5) if abs(m) < inf else 0
                mean = max(-(1 << 45), min(1 << 45, mean))
                x = self.value(t, b, f, p, lane, part, mean, d)
                values[lane][part] = float(x)
                parts[lane][part] = block.part_bytes(float(x) * block.unit(b, f, p))
                distances[lane][part] = float(abs(x - mean))
            for lane in range(self.n):
                if coded[lane]:
                    most, distance = 8 * scales[lane], distances[lane][part]
                    grown = (distance if distance < most else most) / self.usual[turn][part][lane].size
                    group.found[part][at[lane]] += grown
                    group.counted[part][at[lane]] += 1
            for lane in range(self.n):
                if coded[lane] and group.counted[part][at[lane]] >= 2048:
                    group.found[part][at[lane]] *= 0.5
                    group.counted[part][at[lane]] *= 0.5
        far = []
        for lane, b in enumerate(self.lanes):
            if not coded[lane]:
                far.append(1.0)
                continue
            total = 0.0
            for part in range(2):
                total += distances[lane][part] / self.usual[turn][part][lane].size * 0.5
            far.append(total)
            block.places[block.element(t, b, f, p)] = b"".join(parts[lane])
        self.far[turn].append(far)
        if self.predictor:
            self.predictor.learn(t, f, turn, p, coded, values)
        for lane in range(self.n):
            for part in range(2):
                if coded[lane]:
                    self.usual[turn][part][lane].learn(distances[lane][part])

    def value(self, t: int, b: int, f: int, p: int, lane: int, part: int, mean: int, d: float) -> int:
        """X of a part."""
        group, block = self.group, self.group.block
        h = u = 0
        if block.kind == LATTICE:
            h, u = self.trellis[lane][part] & 1, block.dither(block.element(t, b, f, p), part)
        scale = max(16.0, min(2.0**36, single(d)))
        k = (int.from_bytes(struct.pack("<f", scale), "little") >> 20) - 1048
        s = 0
        if k >= 56:
            s = (k - 56) // 8 + 1
            k -= 8 * s
        w = (mean - 128 * h + u + 128) >> (5 + s)
        a = group.number(lane, k, w & 7)
        whole = (w >> 3) + a
        demand(abs(whole) <= 1 << 30 >> s, "a number")
        n = (whole << s) + group.raw(lane % group.states, s)
        if block.kind == LATTICE:
            first, second = (18, 4) if self.is_long else (5, 2)
            state = self.trellis[lane][part]
            self.trellis[lane][part] = (state >> 1) ^ (first if h else 0) ^ (second if n & 1 else 0)
        return 256 * n + 128 * h - u


Pair = tuple[float, float]


def times(one: Pair, other: Pair) -> Pair:
    """The product of two complex numbers."""
    (a, b), (c, d) = one, other
    return a * c - b * d, a * d + b * c


def halved(numbers: list[float], left: int) -> list[float]:
    """The upper half is added to the lower until so many are left."""
    while len(numbers) > left:
        half = len(numbers) // 2
        numbers = [numbers[i] + numbers[half + i] for i in range(half)]
    return numbers


def summed(numbers: list[float]) -> float:
    """Over lanes."""
    return halved(numbers, 1)[0]


def weighed(weights: list[Pair], taps: list[Pair]) -> Pair:
    """An expert."""
    re = im = 0.0
    for (w0, w1), (a, b) in zip(weights, taps, strict=True):
        re, im = re + (w0 * a - w1 * b), im + (w0 * b + w1 * a)
    return re, im


class Set:
    """Weights of a turn, for some places in the block."""

    def __init__(self, lanes: int, taps: int, noise: float) -> None:
        self.w: list[list[Pair]] = [[(0.0, 0.0)] * taps for _ in range(lanes)]
        start = 1 / 32 / (noise * noise)
        self.q = [[[(start if i == k else 0.0, 0.0) for k in range(taps)] for i in range(taps)] for _ in range(lanes)]
        self.taught = [False] * lanes

    def mean(self) -> list[Pair]:
        """The lanes' weights, their sum over those that are taught."""
        many = max(sum(self.taught), 1)
        return [
            (summed([w[k][0] for w in self.w]) / many, summed([w[k][1] for w in self.w]) / many)
            for k in range(len(self.w[0]))
        ]


Weights = list[list[Set]]


class Joint:
    """Weights of all lanes together, of a turn, for some places in the block."""

    def __init__(self, taps: int) -> None:
        self.w: list[Pair] = [(0.0, 0.0)] * taps
        # Eight real and eight imaginary parts of each M_ab, a <= b; b = taps is the value.
        self.sums = {(a, b): ([0.0] * 8, [0.0] * 8) for a in range(taps) for b in range(a, taps + 1)}
        self.steps = 0

    def learn(self, lanes: list[tuple[float, list[Pair]]]) -> None:
        """Take a step in: what each lane counts by, and its taps with the value behind them."""
        weighted = [[(x * g, y * g) for x, y in numbers] for g, numbers in lanes]
        absent = [0.0] * (8 - len(lanes))
        for (a, b), sums in self.sums.items():
            re, im = [], []
            for ours, (_, numbers) in zip(weighted, lanes, strict=True):
                (x, y), (u, v) = ours[a], numbers[b]
                re.append(x * u + y * v)
                im.append(x * v - y * u)
            for eight, products in zip(sums, (re, im), strict=True):
                eight[:] = [
                    old * (511 / 512) + new for old, new in zip(eight, halved(products, 8) + absent, strict=True)
                ]
        self.steps += 1
        many = 1
        while many < 16 and 16 * many <= self.steps:
            many *= 2
        if self.steps % many == 0:
            self.solve()

    def solve(self) -> None:
        """Weights of the least squares."""
        n = len(self.w)
        m = {place: (summed(re), summed(im)) for place, (re, im) in self.sums.items()}
        for a in range(n):
            m[a, a] = m[a, a][0] + 1, m[a, a][1]
        least = [m[a, a][0] * 2.0**-40 for a in range(n)]
        pivots = []
        for a in range(n):
            p = m[a, a][0]
            pivots.append(p if least[a] < p < 1e300 else 0.0)
            if pivots[a] == 0:
                continue
            for c in range(a + 1, n):
                x, y = m[a, c][0] / p, m[a, c][1] / p
                for b in range(c, n + 1):
                    (r, i), (u, v) = m[c, b], m[a, b]
                    m[c, b] = r - (x * u + y * v), i - (x * v - y * u)
        for a in range(n - 1, -1, -1):
            x, y = m[a, n]
            for b in range(a + 1, n):
                (r, i), (u, v) = m[a, b], self.w[b]
                x, y = x - (r * u - i * v), y - (r * v + i * u)
            self.w[a] = 0.0, 0.0
            if pivots[a]:
                x, y = x / pivots[a], y / pivots[a]
                if -1e30 < x < 1e30 and -1e30 < y < 1e30:
                    self.w[a] = x, y


class Predictor:
    """Experts that learn from sample to sample."""

    def __init__(self, walk: Round, before: Weights | None, joint: list[list[Joint]]) -> None:
        self.walk, self.joint, block = walk, joint, walk.group.block
        self.lanes, noise = lanes_of(walk.lanes), block.noise
        self.weights: Weights = [
            [Set(self.lanes, 10 if turn else 8, noise) for _ in range(3)] for turn in range(block.pols)
        ]
        for turn, sets in enumerate(before or []):
            for made, old in zip(self.weights[turn], sets, strict=True):
                if any(old.taught):
                    mean = old.mean()
                    for lane in range(walk.n):
                        made.w[lane], made.taught[lane] = list(mean), True
        self.powers = [[[0.0] * (4 if joint else 3) for _ in range(self.lanes)] for _ in range(block.pols)]
        self.v: dict[tuple[int, int, int, int], Pair] = {}
        self.g: dict[tuple[int, int, int, int], Pair] = {}
        self.taps: list[list[Pair]] = []
        self.experts: list[list[Pair]] = []
        self.found: list[Pair] = []
        self.said: list[list[int]] = []

    def begin(self, t: int) -> None:
        """Forget what is two times away."""
        for kept in (self.v, self.g):
            for key in [key for key in kept if key[0] < t - 1]:
                del kept[key]

    def which(self, t: int, f: int) -> int:
        """Of the three sets of a turn, that of a place."""
        return 0 if t == 0 else 1 if f == 0 else 2

    def usual(self, turn: int, lane: int) -> float:
        """U of both parts."""
        both = self.walk.usual[turn]
        return (both[0][lane].size + both[1][lane].size) * 0.5

    def taps_of(self, t: int, f: int, turn: int, p: int, lane: int) -> list[Pair]:
        """What stands around a sample, in its unit."""
        q = 1 / self.walk.group.block.unit(self.walk.lanes[lane], f, p)
        u = self.usual(turn, lane)

        def at(kept: dict[tuple[int, int, int, int], Pair], dt: int, df: int, which: int) -> Pair | None:
            found = kept.get((t + dt, f + df, which, lane))
            return None if found is None else (found[0] * q, found[1] * q)

        def ratio(one: Pair | None, other: Pair | None, below: Pair | None) -> Pair | None:
            if one is None or other is None or below is None:
                return None
            (r, i), (c0, c1) = times(one, other), below
            z = (c0 * c0 + c1 * c1) + 4 * (u * u)
            return (r * c0 + i * c1) / z, (i * c0 - r * c1) / z

        near = [at(self.v, *place, turn) for place in ((0, -1), (0, -2), (-1, 0), (-1, -1), (-1, 1))]
        found = [*near, ratio(near[0], near[2], near[3]), at(self.g, 0, -1, turn), at(self.g, -1, 0, turn)]
        if turn:
            now = at(self.v, 0, 0, 0)
            found += [ratio(now, near[0], at(self.v, 0, -1, 0)), ratio(now, near[2], at(self.v, -1, 0, 0))]
        if self.joint:
            found += [at(self.v, *place, turn) for place in ((0, -3), (0, -4), (0, -5), (-1, -2), (-1, 2))]
            found += [at(self.g, *place, turn) for place in ((-1, -1), (-1, 1), (0, -2))]
            if turn:
                found.append(at(self.v, 0, 0, 0))
        return [(0.0, 0.0) if tap is None else tap for tap in found]

    def means(self, t: int, f: int, turn: int, p: int) -> list[Pair]:
        """m of each lane."""
        here = self.weights[turn][self.which(t, f)]
        mean, many = here.mean(), len(here.w[0])
        self.taps, self.experts, self.found, self.said = [], [], [], []
        for lane in range(self.walk.n):
            taps = self.taps_of(t, f, turn, p, lane)
            sums = [(0.0, 0.0), weighed(mean, taps[:many]), weighed(here.w[lane], taps[:many])]
            if self.joint:
                sums.append(weighed(self.joint[turn][self.which(t, f)].w, taps))
            u = self.usual(turn, lane)
            g = [power + 1 / 64 * (u * u) for power in self.powers[turn][lane]]
            least = g[0]
            for each in g[1:]:
                least = each if each < least else least
            v = []
            for each in g:
                r = least / each
                r *= r
                v.append((r * r) * r)
            self.taps.append(taps)
            self.experts.append(sums)
            layer = self.walk.group.layer
            if layer:
                self.said.append(mixed(layer, self.inputs(turn, lane, self.walk.around(f, turn, lane, None))))
                for k in range(3):
                    v[k + 1] *= power_of_eighths(self.said[-1][k])
            total = (v[0] + v[1]) + v[2]
            m = [v[1] * sums[1][part] + v[2] * sums[2][part] for part in range(2)]
            if layer:
                total += v[3]
                m = [m[part] + v[3] * sums[3][part] for part in range(2)]
            kept = [each / total if -1e30 < each / total < 1e30 else 0.0 for each in m]
            self.found.append((kept[0], kept[1]))
        return self.found

    def inputs(self, turn: int, lane: int, around: tuple[float, float, float]) -> list[float]:
        """What the network is asked of a lane."""
        square = self.usual(turn, lane) * self.usual(turn, lane)
        experts = self.experts[lane]
        powers = [(power + 1 / 64 * square) / square for power in self.powers[turn][lane]]
        apart = []
        for one, other in ((2, 1), (3, 2), (3, 0)):
            x, y = experts[one][0] - experts[other][0], experts[one][1] - experts[other][1]
            far = (x * x + y * y) / square + 1 / 64
            apart.append(far if far < 2.0**20 else 2.0**20)
        return [*powers, *apart, *(number + 1 / 16 for number in around)]

    def learn(self, t: int, f: int, turn: int, p: int, coded: list[bool], values: list[list[float]]) -> None:
        """Take the samples in."""
        here = self.weights[turn][self.which(t, f)]
        lanes: list[tuple[float, list[Pair]]] = []
        for lane, b in enumerate(self.walk.lanes):
            unit, mean = self.walk.group.block.unit(b, f, p), self.found[lane]
            value = (values[lane][0], values[lane][1]) if coded[lane] else mean
            self.v[t, f, turn, lane] = value[0] * unit, value[1] * unit
            self.g[t, f, turn, lane] = mean[0] * unit, mean[1] * unit
            lanes.append((0.0, [*self.taps[lane], value]))
            u = self.usual(turn, lane)
            off = value[0] - self.experts[lane][2][0], value[1] - self.experts[lane][2][1]
            self.teach(here, lane, coded[lane], off, u)
            if not coded[lane]:
                continue
            for e, (x, y) in enumerate(self.experts[lane]):
                a, c = value[0] - x, value[1] - y
                size, most = a * a + c * c, 64 * (u * u)
                self.powers[turn][lane][e] = self.powers[turn][lane][e] * (15 / 16) + (size if size < most else most)
            if self.joint:
                x, y = value[0] - self.experts[lane][3][0], value[1] - self.experts[lane][3][1]
                far = sqrt(x * x + y * y) / (3 * u)
                lanes[lane] = 1 / (u * u) / (far if far > 1 else 1.0), lanes[lane][1]
        if self.joint:
            lanes += [(0.0, [(0.0, 0.0)] * len(lanes[0][1]))] * (self.lanes - self.walk.n)
            self.joint[turn][self.which(t, f)].learn(lanes)

    def teach(self, here: Set, lane: int, is_coded: bool, error: Pair, usual: float) -> None:
        """Weights of a lane learn."""
        here.taught[lane] = here.taught[lane] or is_coded
        q, (a, b) = here.q[lane], error
        taps = self.taps[lane][: len(q)]
        gain: list[Pair] = []
        for row in q:
            re = im = 0.0
            for (p, z), (x, y) in zip(row, taps, strict=True):
                re, im = re + (p * x + z * y), im + (z * x - p * y)
            gain.append((re, im))
        total = 0.0
        for (x, y), (gr, gi) in zip(taps, gain, strict=True):
            total += x * gr - y * gi
        far = sqrt(a * a + b * b) / (3 * usual)
        total += 511 / 512 * (far if far > 1 else 1.0)
        share, fade = (1 / total, 512 / 511) if is_coded and 0 < total < 1e300 else (0.0, 1.0)
        for k, (gr, gi) in enumerate(gain):
            x, y = gr * share, gi * share
            w = here.w[lane][k]
            here.w[lane][k] = w[0] + (x * a - y * b), w[1] + (x * b + y * a)
        for i, (ir, ii) in enumerate(gain):
            for k in range(i, len(gain)):
                (kr, ki), (p, z) = gain[k], q[i][k]
                re = (p - (ir * kr + ii * ki) * share) * fade
                im = (z - (ii * kr - ir * ki) * share) * fade
                q[i][k], q[k][i] = (re, im), (re, -im)
