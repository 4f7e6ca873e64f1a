#!/usr/bin/env python3
"""The fuzzers' corpus: small files of every kind that is read, good ones and damaged ones.

    make_corpus.py seeds FOLDER          writes FOLDER/<target>/*: what the fuzzers start from
    make_corpus.py pack FOLDER           packs FOLDER/<target>/* (with what fuzzing has found) into corpus/<target>.pack

Seeds are made from a fixed random state, with nothing but the standard library. A pack is, for each file, its length in
four bytes (the low one first) and its bytes; files of more than 4096 bytes are left out, the small ones come first, and
a pack takes at most 400 files and 500,000 bytes.
"""
import gzip
import hashlib
import json
import pathlib
import random
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, HEIGHT = 7, 5
LARGEST_FILE, LARGEST_PACK, LEAST_FILES, MOST_FILES = 4096, 500_000, 200, 400


def png(colour, depth, interlaced=0, chunks=b""):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    def rows(width, height):
        for _ in range(height):
            yield bytes([RANDOM.randrange(5)]) + RANDOM.randbytes((width * channels * depth + 7) // 8)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x, y, step_x, step_y in passes if interlaced else [(0, 0, 1, 1)]:
        width, height = -(-(WIDTH - x) // step_x), -(-(HEIGHT - y) // step_y)
        if width > 0 and height > 0:
            data += b"".join(rows(width, height))
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    palette = chunk(b"PLTE", RANDOM.randbytes(3 << depth)) if colour == 3 else b""
    extra = b"".join(chunk(kind, body) for kind, body in chunks) if chunks else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, interlaced))
            + palette + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def exif(little=True, orientation=6):
    order = "<" if little else ">"
    return ((b"II" if little else b"MM") + struct.pack(order + "HIHHHIHH", 42, 8, 1, 0x112, 3, 1, orientation, 0)
            + bytes(4))


def bmp(bits, packing=0, header=40, top_down=False):
    row = (WIDTH * bits + 31) // 32 * 4
    palette = RANDOM.randbytes(4 << bits) if bits <= 8 else b""
    if header == 12:
        palette = RANDOM.randbytes(3 << bits) if bits <= 8 else b""
    masks = struct.pack("<IIII", 0xf800, 0x7e0, 0x1f, 0) if packing in (3, 6) and bits == 16 else b""
    if packing in (3, 6) and bits == 32:
        masks = struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)
    pixels = RANDOM.randbytes(row * HEIGHT)
    if packing in (1, 2):
        pixels = b"".join(bytes([WIDTH, 17, 0, 0]) for _ in range(HEIGHT)) + b"\0\4\1\2\3\4\0\2\1\1\0\1"
        pixels = bytes([3, 1, 0, 3, 1, 2, 3, 0, 0, 0]) + b"\0\2\1\1" + bytes([2, 5]) + b"\0\1"
    begin = 14 + header + (len(masks) if header == 40 else 0) + len(palette)
    if header == 12:
        info = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", 40 if header == 40 else header, WIDTH, -HEIGHT if top_down else HEIGHT, 1, bits,
                           packing, len(pixels), 0, 0, 0, 0)
        info += masks if header == 40 else (masks or bytes(16)) + bytes(header - 56)
    return b"BM" + struct.pack("<IHHI", begin + len(pixels), 0, 0, begin) + info + palette + pixels


def tga(kind, bits, descriptor=0):
    mapped = kind in (1, 9)
    head = struct.pack("<BBBHHBHHHHBB", 2, int(mapped), kind, 0, 256 if mapped else 0, 24 if mapped else 0, 0, 0, WIDTH, HEIGHT,
                       bits, descriptor) + b"id"
    head += RANDOM.randbytes(768) if mapped else b""
    each = (bits + 7) // 8
    if kind < 8:
        return head + RANDOM.randbytes(WIDTH * HEIGHT * each)
    body, left = b"", WIDTH * HEIGHT
    while left:
        count = min(left, RANDOM.randrange(1, 9))
        if RANDOM.random() < 0.5:
            body += bytes([count - 1]) + RANDOM.randbytes(count * each)
        else:
            body += bytes([127 + count]) + RANDOM.randbytes(each)
        left -= count
    return head + body


def gif(interlaced=False, transparent=None, local=False):
    palette = RANDOM.randbytes(48)
    file = b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, 0 if local else 0xf3, 0, 0) + (b"" if local else palette)
    if transparent is not None:
        file += b"!\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    file += b"!\xfe\x03abc\0" + b"," + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, (0x40 if interlaced else 0) | (0x83 if local else 0))
    file += (palette if local else b"") + b"\x04"
    bits = ""
    for i in range(WIDTH * HEIGHT):
        if i % 10 == 0:
            bits = format(16, "05b") + bits
        bits = format(RANDOM.randrange(16), "05b") + bits
    bits = format(17, "05b") + bits
    data = int(bits, 2).to_bytes((len(bits) + 7) // 8, "little")
    return file + bytes([len(data)]) + data + b"\0;"


def pnm(kind, largest=255):
    file = f"P{kind}\n# made for a test\n{WIDTH} {HEIGHT}\n" + ("" if kind in (1, 4) else f"{largest}\n")
    count = WIDTH * HEIGHT * (3 if kind in (3, 6) else 1)
    if kind <= 3:
        return (file + " ".join(str(RANDOM.randrange(2 if kind == 1 else largest + 1)) for _ in range(count)) + "\n").encode()
    if kind == 4:
        return file.encode() + RANDOM.randbytes((WIDTH + 7) // 8 * HEIGHT)
    size = 2 if largest > 255 else 1
    return file.encode() + b"".join(RANDOM.randrange(largest + 1).to_bytes(size, "big") for _ in range(count))


def jpeg_tables(count):
    """A baseline JPEG picture of 8 x 8 blocks of one value each, by hand: one quantisation table, two Huffman tables."""
    segment = lambda marker, body: bytes([0xff, marker]) + struct.pack(">H", len(body) + 2) + body
    dc = bytes([0, 2, 1] + [0] * 13) + bytes([0, 1, 2])
    ac = bytes([0, 2] + [0] * 14) + bytes([0, 1])
    components = b"".join(bytes([i + 1, 0x22 if i == 0 and count == 3 else 0x11, 0]) for i in range(count))
    scan = bytes([count]) + b"".join(bytes([i + 1, 0]) for i in range(count)) + bytes([0, 63, 0])
    frame = bytes([8]) + struct.pack(">HH", HEIGHT, WIDTH) + bytes([count]) + components
    return segment, segment(0xdb, b"\0" + bytes([1] * 64)), segment(0xc4, b"\0" + dc) + segment(0xc4, b"\x10" + ac), frame, scan


def jpeg(count=3, app1=b"", progressive=False, restart=False):
    segment, quantisation, huffman, frame, scan = jpeg_tables(count)
    file = b"\xff\xd8" + (segment(0xe1, b"Exif\0\0" + app1) if app1 else b"")
    file += quantisation + huffman + segment(0xc2 if progressive else 0xc0, frame)
    if restart:
        file += segment(0xdd, struct.pack(">H", 1))
    if progressive:
        scan = scan[:-3] + bytes([0, 0, 1])
    data = RANDOM.randbytes(40).replace(b"\xff", b"\x7f")
    return file + segment(0xda, scan) + data + b"\xff\xd9"


def whole_jpeg(count=3, progressive=False, interval=0, between=b""):
    """One of 3 x 2 blocks whose scans have all their codes, those of jpeg_tables."""
    segment, quantisation, huffman, frame, _ = jpeg_tables(count)
    blocks = 6
    frame = bytes([8]) + struct.pack(">HH", 12, 20) + frame[5:6] + b"".join(bytes([i + 1, 0x11, 0]) for i in range(count))
    coefficients = [[RANDOM.randrange(4) for _ in range(blocks)] for _ in range(count)]  # of AC in each block, the first ones
    bits = lambda number: "".join(RANDOM.choice("01") for _ in range(number))
    dc = lambda: (lambda size: ("00", "01", "100")[size] + bits(size))(RANDOM.randrange(3))
    ac = lambda number: "".join("01" + bits(1) for _ in range(number)) + "00"

    def scan(components, band, unit):
        units = [unit(block) for block in range(blocks)]
        data = b""
        for first in range(0, blocks, interval or blocks):
            code = "".join(units[first:first + (interval or blocks)])
            code += "1" * (-len(code) % 8)
            data += b"" if first == 0 else bytes([0xff, 0xd0 + (first // interval - 1) % 8])
            data += int(code, 2).to_bytes(len(code) // 8, "big").replace(b"\xff", b"\xff\0")
        header = bytes([len(components)]) + b"".join(bytes([i + 1, 0]) for i in components) + bytes(band)
        return segment(0xda, header) + data + between

    every = range(count)
    if progressive:
        scans = scan(every, (0, 0, 0x01), lambda block: "".join(dc() for _ in every))
        for i in every:
            scans += scan([i], (1, 63, 0x01), lambda block: ac(coefficients[i][block]))
            scans += scan([i], (1, 63, 0x10), lambda block: "00" + bits(coefficients[i][block]))
        scans += scan(every, (0, 0, 0x10), lambda block: bits(count))
    else:
        scans = scan(every, (0, 63, 0), lambda block: "".join(dc() + ac(coefficients[i][block]) for i in every))
    restart = segment(0xdd, struct.pack(">H", interval)) if interval else b""
    return b"\xff\xd8" + quantisation + huffman + segment(0xc2 if progressive else 0xc0, frame) + restart + scans + b"\xff\xd9"


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, body) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(body)]}
        data += body
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def f32(*values):
    return struct.pack(f"<{len(values)}f", *values)


def i64(*values):
    return struct.pack(f"<{len(values)}q", *values)


def checkpoint(notes=None, **changes):
    # Without notes it needs no checksums, which the fuzzers could not keep right.
    shapes = {"fc.0.weight": [2, 1], "fc.0.bias": [2], "fc.2.weight": [1, 2], "fc.2.bias": [1]}
    tensors = {}
    for prefix in ("network.", "optimizer.exp_avg.", "optimizer.exp_avg_sq.", "ema."):
        for name, shape in shapes.items():
            count = shape[0] * (shape[1] if len(shape) == 2 else 1)
            tensors[prefix + name] = ("F32", shape, f32(*[0.5] * count))
    tensors["optimizer.steps"] = ("I64", [], i64(5))
    tensors["lbfgs.counts"] = ("I64", [4], i64(0, 0, 0, 0))
    tensors["lbfgs.scalars"] = ("F64", [2], struct.pack("<2d", 0, 0))
    tensors["lbfgs.scales"] = ("F64", [5], struct.pack("<5d", 1, 1, 1, 1, 1))
    tensors["counter.step"] = ("I64", [], i64(5))
    tensors["tensor.numbers"] = ("F64", [3], struct.pack("<3d", 1, 2, 3))
    tensors.update(changes)
    return safetensors({name: tensor for name, tensor in tensors.items() if tensor}, notes)


def seeds():
    files = {}
    idx3 = struct.pack(">IIII", 0x803, 2, 3, 4) + RANDOM.randbytes(24)
    idx1 = struct.pack(">II", 0x801, 5) + RANDOM.randbytes(5)
    pack = lambda data: gzip.compress(data, mtime=0)
    files["idx_images"] = [idx3, pack(idx3), pack(idx3[:20]) + pack(idx3[20:]), struct.pack(">IIII", 0x803, 1 << 20, 999, 999),
                           pack(struct.pack(">IIII", 0x803, 60000, 28, 28) + bytes(3000)), idx3 + b"x", idx1]
    files["idx_labels"] = [idx1, pack(idx1), idx3, struct.pack(">II", 0x801, 0), struct.pack(">II", 0xd01, 3) + bytes(12)]
    files["png"] = [png(c, d, i) for c, ds in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16)))
                    for d in ds for i in (0, 1)]
    files["png"] += [png(0, 8, chunks=[(b"eXIf", exif())]), png(0, 16, chunks=[(b"tRNS", b"\0\1")]),
                     png(2, 8, chunks=[(b"tRNS", bytes(6))]), png(3, 2, chunks=[(b"tRNS", b"\0\x80")]),
                     png(0, 8, chunks=[(b"tEXt", b"a" * 200), (b"eXIf", exif(False, 3))])]
    files["bmp"] = [bmp(b, top_down=t) for b in (1, 2, 4, 8, 16, 24, 32) for t in (False, True)]
    files["bmp"] += [bmp(8, 1), bmp(4, 2), bmp(16, 3), bmp(32, 3), bmp(32, 6), bmp(24, 0, 12), bmp(8, 0, 12), bmp(32, 3, 124),
                     bmp(24, 0, 108), bmp(16, 3, 56)]
    files["tga"] = [tga(k, b, d) for k, bs in ((1, (8, 16)), (2, (15, 16, 24, 32)), (3, (8, 16)), (9, (8,)), (10, (16, 24, 32)), (11, (8,)))
                    for b in bs for d in (0, 0x20, 0x38)]
    files["gif"] = [gif(i, t, l) for i in (False, True) for t in (None, 3) for l in (False, True)]
    files["pnm"] = [pnm(1), pnm(4)] + [pnm(k, m) for k in (2, 3, 5, 6) for m in (1, 15, 255, 1000, 65535)] + [b"P7\nWIDTH 3\n"]
    files["jpeg"] = [jpeg(n, a, p, r) for n in (1, 3, 4) for a in (b"", exif()) for p in (False, True) for r in (False, True)]
    files["jpeg"] += [file.replace(b"\xff\xda", b"\xff\xff\xff\xda") for file in files["jpeg"][:6]]
    files["jpeg"] += [whole_jpeg(n, p, i, b) for n in (1, 3, 4) for p in (False, True) for i in (0, 1, 2) for b in (b"", b"\0\xff")]
    files["exif"] = [exif(l, o) for l in (True, False) for o in range(10)]
    files["exif"] += [b"Exif\0\0" + file for file in files["exif"]] + [b"", b"II", b"MM\0*\xff\xff\xff\xff"]
    plain = safetensors({"a": ("F32", [2, 3], f32(*range(6))), "b": ("I64", [], i64(7))}, {"format": "pt"})
    files["safetensors"] = [plain, safetensors({}), safetensors({}, {"a": "b"})]
    sizes = {"F64": 8, "F16": 2, "BF16": 2, "BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "F8_E4M3": 1}
    files["safetensors"] += [safetensors({"x": (dtype, [3], RANDOM.randbytes(3 * size))}) for dtype, size in sizes.items()]
    files["safetensors"] += [safetensors({"x": ("F32", [0, 1 << 40, 1 << 40], b"")}), struct.pack("<Q", 3) + b"{}\0",
                             struct.pack("<Q", 60) + b"[" * 60, safetensors({f"n{i}": ("F32", [0], b"") for i in range(30)}),
                             safetensors({"\u0085\u009b2J": ("F32", [1], f32(1))}), safetensors({"a" * 3000: ("F32", [2], b"")})]
    files["checkpoint"] = [checkpoint(), checkpoint({"note": "x"}), checkpoint({"crc32c": "00000000"}), checkpoint(**{"counter.step": ("I64", [], i64(-5))}),
                           checkpoint(**{"counter.step": ("I64", [], i64(-2**63))}), checkpoint(**{"counter.step": None}),
                           checkpoint(**{"tensor.numbers": ("F64", [0], b"")}), checkpoint(**{"lbfgs.counts": ("I64", [4], i64(2**63 - 1, 1, 1, 0))}),
                           checkpoint(**{"optimizer.steps": ("I64", [], i64(2**63 - 1))}), checkpoint(**{"optimizer.steps": ("F64", [], bytes(8))}),
                           checkpoint(**{"network.fc.0.weight": ("F32", [3, 1], f32(1, 2, 3))}), checkpoint(**{"network.fc.0.bias": ("F32", [2], f32(float("nan"), 1))})]
    files["table"] = [b"x1,u,u_x1\n0.5,1,2\n-1e-3,2,3\n", b"x1;u;u_x1\n1;2;3\n", b"x1\tu\n1\t2\n", b"x1,x2,u,u_x1x2\n1,2,3,4\n",
                      b"\xef\xbb\xbfx1,u\r\n1e-400,+0.5\r\n", b"x1,u\n+-0.5,1\n", b"x1,u\nnan,1\n", b"x1,u\n1\n", b"x1,u\n", b"u\n1\n", b"",
                      b"x1,u,\xc2\x9b2J\n1,2,3\n", b"x1,u,u\n1,2,3\n", b"x1,u,u_x2\n1,2,3\n", b'"x1","u"\n"1","2"\n']
    files["metrics"] = [b"step,epoch,seconds,train_loss,test_mse\n1,1,0.5,0.25,\n2,1,0.75,0.2,0.5\n", b"step,epoch,seconds,train_loss\n1,1,1,1\n2,1,1",
                        b"step,epoch,seconds,train_loss,a\n1,1,1\n", b"step,epoch,seconds,train_loss\n1e300,1,1,1\n",
                        b"step,epoch,seconds,train_loss\n-1,1,1,1\n", b"epoch\n", b"", b"step,epoch,seconds,train_loss\nx,1,1,1\n",
                        b"step,epoch,seconds,train_loss,\xc2\x85\n1,1,1,nan,inf\n", b"step,epoch,seconds,train_loss\n1.5,1,1,1\n"]
    config = {"app": "app", "version": "0.1.0", "epochs": 2, "lr": 0.001, "seed": 3, "loss": ["l2", "h1"], "weights": [1, 0.5],
              "sizes": [1, 64, 1], "net": "mlp", "shuffle": True, "out": "/x", "data": ""}
    values = [1.5, -1, 1e300, 2**63 - 1, 2**64 - 1, "text", [1], [], {}, None, True, [4.7], ["a"], "\u009b2J", "a" * 2000, -0.0, 1e-320]
    files["config"] = [json.dumps(config).encode()] + [json.dumps(dict(config, **{key: value})).encode()
                                                        for key in ("epochs", "lr", "seed", "sizes", "weights", "net", "loss", "dtype", "quiet") for value in values]
    files["config"] += [b'{"app":"app","epochs":' + b"[" * 3000, b"{}\0garbage", b"", b"[]", b'{"app":"app","app":"app"}', b"\xff", b'{"app":"app"}']
    model = {"app": "ddim", "dim": 4, "mults": [1], "channels": 1, "size": 8, "schedule": "sigmoid", "timesteps": 50, "objective": "pred_x0"}
    files["model_config"] = [json.dumps(model).encode()] + [json.dumps(dict(model, **{key: value})).encode() for key in model for value in values]
    files["model_config"] += [json.dumps({k: v for k, v in model.items() if k != key}).encode() for key in model]
    pictures = lambda count, low=-1.0: f32(*[low + 2 * RANDOM.random() * -low for _ in range(count)])
    files["replay"] = [safetensors({"x0": ("F32", [2, 1, 1, 2, 2], pictures(8)), "noise": ("F32", [2, 1, 1, 2, 2], pictures(8)), "t": ("I64", [2, 1], i64(3, 999))}),
                       safetensors({"x0": ("F32", [1, 1, 1, 2, 2], f32(9, 0, 0, 0)), "noise": ("F32", [1, 1, 1, 2, 2], pictures(4)), "t": ("I64", [1, 1], i64(3))}),
                       safetensors({"x0": ("F32", [1, 1, 1, 2, 2], pictures(4)), "noise": ("F32", [1, 1, 1, 2, 2], f32(float("nan"), 0, 0, 0)), "t": ("I64", [1, 1], i64(3))}),
                       safetensors({"x0": ("F32", [1, 1, 1, 2, 2], pictures(4)), "noise": ("F32", [1, 1, 1, 2, 2], pictures(4)), "t": ("F64", [1, 1], struct.pack("<d", 1e300))}),
                       safetensors({"x0": ("F32", [0, 1, 1, 2, 2], b""), "noise": ("F32", [0, 1, 1, 2, 2], b""), "t": ("I64", [0, 1], b"")}), plain]
    files["noise"] = [safetensors({"x": ("F32", [2, 1, 2, 2], pictures(8))}), safetensors({"x": ("F32", [1, 1, 2, 2], f32(float("inf"), 0, 0, 0))}),
                      safetensors({"x": ("F16", [1, 1, 2, 2], bytes(8))}), safetensors({"x": ("I64", [1, 1, 2, 2], i64(1, 2, 3, 4))}),
                      safetensors({"x": ("F32", [1, 1, 3, 2], pictures(6))}), safetensors({"y": ("F32", [1], f32(1))}), plain]
    return files


def damaged(file):
    """The file with a few bytes changed, cut, repeated or moved."""
    data = bytearray(file)
    for _ in range(RANDOM.randrange(1, 5)):
        if not data:
            return bytes(data)
        place = min(RANDOM.randrange(len(data)), RANDOM.randrange(len(data)))
        what = RANDOM.randrange(5)
        if what == 0:
            data[place] = RANDOM.randrange(256)
        elif what == 1:
            data[place] ^= 1 << RANDOM.randrange(8)
        elif what == 2:
            data[place] = RANDOM.choice((0, 1, 0x7f, 0x80, 0xff))
        elif what == 3:
            del data[place:place + RANDOM.randrange(1, 9)]
        else:
            data[place:place] = data[place:place + RANDOM.randrange(1, 9)]
    return bytes(data)


def write_seeds(folder):
    for target, files in seeds().items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        good = list(files)
        while len(files) < LEAST_FILES + 60:
            files.append(damaged(RANDOM.choice(good)))
        for number, file in enumerate(files):
            (place / f"seed-{number:03}").write_bytes(file)


def pack(folder):
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        unique = {}
        for path in sorted(place.iterdir()):
            data = path.read_bytes()
            if len(data) <= LARGEST_FILE:
                unique.setdefault(hashlib.sha256(data).digest(), (not path.name.startswith("seed"), len(data), path.name, data))
        packed, count = b"", 0
        # The good seeds and their damaged copies first, then what the fuzzer found, short files before long ones.
        for _, _, _, data in sorted(unique.values(), key=lambda entry: (entry[0], entry[1] if entry[0] else 0, entry[2])):
            if count == MOST_FILES or len(packed) + 4 + len(data) > LARGEST_PACK:
                break
            packed += struct.pack("<I", len(data)) + data
            count += 1
        (HERE / "corpus").mkdir(exist_ok=True)
        (HERE / "corpus" / f"{place.name}.pack").write_bytes(packed)
        print(f"{place.name}: {count} files, {len(packed)} bytes")


RANDOM = random.Random(20)
if len(sys.argv) != 3 or sys.argv[1] not in ("seeds", "pack"):
    sys.exit(__doc__)
(write_seeds if sys.argv[1] == "seeds" else pack)(pathlib.Path(sys.argv[2]))
