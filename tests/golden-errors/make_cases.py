#!/usr/bin/env python3
"""Writes the hostile checkpoints beside this script (rows ST-* and IX-*).

Each case is a folder that a conversion could be given as its source, with a file `expected`: the
exit code on the first line, then texts that the message must contain, one a line. Running the
script again changes nothing; a new case is a new call below.
"""

import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent


def case(name, files, code, *texts):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    (folder / "expected").write_text("\n".join([str(code), *texts]) + "\n")


def raw(header, data=b"", length=None):
    """A safetensors file around the bytes of a header; `length` lies about its size."""
    header = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def file_of(tensors, data):
    return raw(json.dumps(tensors), bytes(data))


def one(header, data=b"", length=None):
    return {"model.safetensors": raw(header, data, length)}


def of(tensors, data):
    return {"model.safetensors": file_of(tensors, data)}


GOOD = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'


def field(name, value):
    """GOOD with one field's text replaced."""
    fields = {"dtype": '"F32"', "shape": "[2]", "data_offsets": "[0,8]", name: value}
    return '{"a":{' + ",".join(f'"{k}":{v}' for k, v in fields.items()) + "}}"


def lengths():
    case("ST-01-empty", {"model.safetensors": b""}, 3, "file shorter than 8 bytes (0)")
    case("ST-01-7-bytes", {"model.safetensors": b"\2" + bytes(6)}, 3, "file shorter than 8 bytes (7)")
    case("ST-02-max", one(GOOD, bytes(8), 2**64 - 1), 3,
         "model.safetensors: header length 18446744073709551615 is above the limit of 100000000")
    case("ST-02-half", one(GOOD, bytes(8), 2**63), 3, "header length 9223372036854775808")
    case("ST-02-wraps", one(GOOD, bytes(8), 2**64 - 8), 3, "header length 18446744073709551608")
    case("ST-03-small-file", one(GOOD, bytes(8), 100_000_001), 3, "above the limit of 100000000")
    case("ST-04-header", one(GOOD[:20], b"", 54), 3, "has 28 bytes, but its header alone ends at 62",
         "truncated")
    case("ST-04-data", one(GOOD, bytes(7)), 3, "has 69 bytes, but its header describes 70",
         "truncated")


def text():
    case("ST-05-ff", one(GOOD.replace("a", "\xff", 1).encode("latin-1"), bytes(8)), 3, "byte 2:",
         "invalid string: ill-formed UTF-8 byte")
    case("ST-05-overlong", one(GOOD.encode().replace(b"a", b"\xc0\xaf", 1), bytes(8)), 3, "byte 2:",
         "UTF-8")
    case("ST-05-lone-surrogate", one(GOOD.replace('"a"', '"\\ud800"', 1), bytes(8)), 3,
         "surrogate")
    case("ST-06-brace", one("{"), 3, "header: byte 1: not valid json", "unexpected end of input")
    case("ST-06-trailing-comma", one(GOOD[:-1] + ",}", bytes(8)), 3, "not valid json", "object key")
    case("ST-06-comment", one("/* x */" + GOOD, bytes(8)), 3, "byte 0: not valid json")
    case("ST-06-nan", one(field("shape", "[NaN]"), bytes(8)), 3, "not valid json")
    case("ST-06-empty-header", one(""), 3, "byte 0: not valid json")
    case("ST-07-nul", one(GOOD + "\0garbage", bytes(8)), 3, "byte 54: NUL byte in json")
    case("ST-07-garbage", one(GOOD + "garbage", bytes(8)), 3, "byte 54: not valid json")
    case("ST-08-bom", one("\ufeff" + GOOD, bytes(8)), 3, "byte order mark")
    case("ST-09-duplicate-name",
         one(GOOD[:-1] + ',"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', bytes(16)), 3,
         "byte 54: duplicate key 'a'")
    case("ST-09-duplicate-escaped",
         one(GOOD[:-1] + ',"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', bytes(16)),
         3, "duplicate key 'a'")
    case("ST-10-shape-twice", one(GOOD.replace("[2]", '[2],"shape":[2]'), bytes(8)), 3,
         "duplicate key 'shape'")
    case("ST-10-metadata-twice",
         one('{"__metadata__":{},"__metadata__":{},' + GOOD[1:], bytes(8)), 3,
         "duplicate key '__metadata__'")


def spans():
    case("ST-11-same-bytes", of({"a": tensor(0, 8, [2]), "b": tensor(0, 8, [2])}, 8), 3,
         "tensor 'b' starts at byte 0 of the data, but 'a' ends at 8", "overlap")
    case("ST-11-partly", of({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, 12), 3, "overlap")
    case("ST-12-hole", of({"a": tensor(0, 8, [2]), "b": tensor(12, 20, [2])}, 20), 3,
         "tensor 'b' starts at byte 12 of the data, but 'a' ends at 8", "belong to no tensor")
    case("ST-12-first", of({"a": tensor(4, 12, [2])}, 12), 3,
         "tensor 'a' starts at byte 4 of the data, but the data starts at 0")
    case("ST-13-trailing", one(GOOD, bytes(8) + b"PK\x05\x06" + bytes(18)), 3,
         "22 bytes after the last tensor")
    case("ST-13-no-tensors", one("{}", bytes(4)), 3, "4 bytes after the last tensor")
    case("ST-14-backward", of({"a": tensor(8, 0, [2])}, 8), 3, "end at 0, before their begin 8")
    for name, begin in {"minus": "-1", "float": "1.0", "exponent": "1e0", "minus-zero": "-0",
                        "too-large": "18446744073709551616"}.items():
        case(f"ST-14-{name}", one(field("data_offsets", f"[{begin},8]"), bytes(8)), 3,
             f"tensor 'a': {begin} in data_offsets, expected a plain integer")
    case("ST-14-string", one(field("data_offsets", '["0",8]'), bytes(8)), 3,
         "tensor 'a': data_offsets must be an array of plain integers")
    case("ST-15-one", one(field("data_offsets", "[8]"), bytes(8)), 3, "data_offsets has 1 numbers")
    case("ST-15-none", one(field("data_offsets", "[]"), bytes(8)), 3, "data_offsets has 0 numbers")
    case("ST-15-three", one(field("data_offsets", "[0,8,8]"), bytes(8)), 3,
         "more than 2 data_offsets")
    case("ST-15-not-a-list", one(field("data_offsets", "8"), bytes(8)), 3,
         "data_offsets must be an array")


def shapes():
    case("ST-16-dim", one(field("shape", f"[2,{2**63}]"), bytes(8)), 3, f"{2**63} in shape")
    case("ST-16-product", one(field("shape", f"[{2**32},{2**32}]"), bytes(8)), 3,
         "more than 2^63 bytes")
    case("ST-16-wraps-to-0", one(field("shape", f"[{2**32},{2**30}]"), bytes(8)), 3,
         "more than 2^63 bytes")
    case("ST-16-wraps-to-0-empty",
         one('{"a":{"dtype":"F32","shape":[%d,%d],"data_offsets":[0,0]}}' % (2**31, 2**31)), 3,
         "more than 2^63 bytes")
    case("ST-16-zero-hides-overflow",
         one('{"a":{"dtype":"F32","shape":[%d,%d,0],"data_offsets":[0,0]}}' % (2**40, 2**40)), 3,
         "more than 2^63 bytes")
    case("ST-16-9-dims", one(field("shape", "[2,1,1,1,1,1,1,1,1]"), bytes(8)), 3,
         "more than 8 dimensions")
    case("ST-17-shape-bigger", of({"a": tensor(0, 8, [3])}, 8), 3,
         "tensor 'a': F32 of shape [3] takes 12 bytes, but data_offsets [0, 8] span 8")
    case("ST-17-shape-smaller", of({"a": tensor(0, 8, [1])}, 8), 3, "takes 4 bytes")
    case("ST-17-shape-empty", of({"a": tensor(0, 8, [0, 2])}, 8), 3, "takes 0 bytes")
    case("ST-17-beyond-any-file", of({"a": tensor(2**64 - 8, 2**64 - 1, [7], "U8")}, 8), 3,
         "beyond any file")
    for name, dtype in {"unknown": "F7", "space": "BF16 ", "lower-case": "f32", "empty": ""}.items():
        case(f"ST-18-{name}", of({"a": tensor(0, 8, [2], dtype)}, 8), 3,
             f"tensor 'a': unknown dtype '{dtype}', expected one of F64, F32, F16")
    case("ST-18-not-a-string", one(field("dtype", "7"), bytes(8)), 3, "dtype must be a string")
    for dtype in ("F4", "F6_E2M3", "F6_E3M2"):
        case(f"ST-19-{dtype}", of({"a": tensor(0, 8, [3], dtype)}, 8), 7,
             f"tensor 'a': unsupported dtype {dtype}")


def structure():
    case("ST-20-number", one('{"__metadata__":{"x":1},' + GOOD[1:], bytes(8)), 3,
         "__metadata__: value of 'x' must be a string")
    case("ST-20-nested", one('{"__metadata__":{"x":{"y":"z"}},' + GOOD[1:], bytes(8)), 3,
         "__metadata__: value of 'x' must be a string")
    case("ST-20-not-an-object", one('{"__metadata__":"x",' + GOOD[1:], bytes(8)), 3,
         "__metadata__ must be an object of strings")
    case("ST-21-deep", one("[" * 1000), 3, "the header must be an object of tensors")
    case("ST-21-deep-objects", one('{"a":' * 1000), 3, "byte 6: tensor 'a' has a key 'a'")
    case("ST-24-no-tensors", one("{}"), 3, "no tensors in the checkpoint")
    case("ST-24-only-metadata", one('{"__metadata__":{"format":"pt"}}'), 3, "no tensors")
    case("ST-25-escape-in-name",
         one(field("shape", "[3]").replace('"a"', '"\\u001b[31m\\n../../x"'), bytes(8)), 3,
         "tensor '\\x1b[31m\\x0a../../x'")
    case("ST-25-nul-in-name", one(GOOD.replace('"a"', '"a\\u0000b"'), bytes(8)), 3,
         "key 'a\\x00b' contains a NUL character")
    case("ST-18-unknown-key", one(GOOD.replace('"shape"', '"order":"C","shape"'), bytes(8)), 3,
         "tensor 'a' has a key 'order'")
    for key in ("dtype", "shape", "data_offsets"):
        fields = {k: v for k, v in tensor(0, 8, [2]).items() if k != key}
        case(f"ST-18-no-{key}", of({"a": fields}, 8), 3, f"tensor 'a' lacks {key}")
    case("ST-18-tensor-not-an-object", one('{"a":7}', bytes(8)), 3, "tensor 'a' must be an object")
    case("ST-06-root-array", one("[]"), 3, "the header must be an object")


INDEX = "model.safetensors.index.json"


def index_of(weight_map, **more):
    return json.dumps({**more, "weight_map": weight_map}, indent=2).encode()


def indices():
    shard = file_of({"a": tensor(0, 8, [2])}, 8)
    for name, path in {"parent": "../../etc/passwd", "parent-inside": "x/../../y.safetensors",
                       "absolute": "/etc/passwd", "url": "https://example.com/a.safetensors",
                       "backslash": "..\\x.safetensors", "empty": "", "dot": "./a.safetensors",
                       "newline": "a\n.safetensors"}.items():
        shown = path.replace("\n", "\\x0a")
        case(f"IX-01-{name}", {INDEX: index_of({"a": path})}, 3,
             f"tensor 'a' in file '{shown}', expected a plain path below the folder")
    case("IX-02-missing-shards",
         {INDEX: index_of({"a": "1.safetensors", "b": "2.safetensors", "c": "3.safetensors"}),
          "1.safetensors": shard}, 3,
         "names 2 files that are not there: 2.safetensors, 3.safetensors")
    case("IX-02-lacks-tensors",
         {INDEX: index_of({"a": "1.safetensors", "b": "1.safetensors", "c": "1.safetensors"}),
          "1.safetensors": shard}, 3,
         "names 2 tensors that the files do not hold: b (in 1.safetensors), c (in 1.safetensors)")
    case("IX-02-two-shards",
         {INDEX: index_of({"a": "1.safetensors", "b": "2.safetensors"}), "1.safetensors": shard,
          "2.safetensors": file_of({"a": tensor(0, 8, [2]), "b": tensor(8, 16, [2])}, 16)}, 3,
         "1 tensor in two files: a (in 1.safetensors and 2.safetensors)")
    case("IX-02-no-map", {INDEX: b'{"metadata": {}}'}, 3, "expected a weight_map")
    case("IX-02-map-of-numbers", {INDEX: b'{"weight_map": {"a": 1}}'}, 3,
         "weight_map: file of tensor 'a' must be a string")
    case("IX-02-duplicate", {INDEX: b'{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}'},
         3, "duplicate key 'a'")
    pointer = (b"version https://git-lfs.github.com/spec/v1\n"
               b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
               b"size 2200119864\n")
    oid = "git-lfs pointer (oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393)"
    case("IX-04-weights", {"model.safetensors": pointer}, 3, oid, "run git lfs pull")
    case("IX-04-shard", {INDEX: index_of({"a": "1.safetensors"}), "1.safetensors": pointer}, 3,
         "1.safetensors: " + oid)
    case("IX-04-index", {INDEX: pointer}, 3, INDEX + ": " + oid)
    page = b"\n<!DOCTYPE html>\n<html><head><title>401</title></head><body>No</body></html>\n"
    case("IX-05-html", {"model.safetensors": page}, 3, "model.safetensors: a web page (html)")
    case("IX-05-index", {INDEX: page}, 3, "a web page (html)", "download it again")
    case("IX-05-json", {"model.safetensors": b'{"error":"Repository not found"}'}, 3,
         "a server's error message")
    case("IX-05-text", {"model.safetensors": b"Entry not found\n"}, 3, "text ('Entry not found")


for group in (lengths, text, spans, shapes, structure, indices):
    group()
