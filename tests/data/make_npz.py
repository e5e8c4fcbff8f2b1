#!/usr/bin/env python3
"""Writes tests/golden/npz with numpy itself: arrays of every type and order, and what has to be refused.

  make_npz.py FOLDER
"""
import hashlib
import os
import sys

import numpy as np

ARRAYS = {
    "model.f2": np.arange(12, dtype="<f2").reshape(3, 4) / 8,
    "model.f4": np.linspace(-1, 1, 30, dtype="<f4").reshape(5, 6),
    "model.f8": np.array([1.5, -0.0, 3e300], dtype="<f8"),
    "model.i1": np.arange(-4, 4, dtype="i1"),
    "model.u1": np.arange(250, 256, dtype="u1").reshape(2, 3),
    "model.i4": np.arange(-3, 3, dtype="<i4").reshape(1, 2, 3),
    "model.i8": np.array(7, dtype="<i8"),
    "columns": np.asfortranarray(np.arange(24, dtype="<f4").reshape(4, 6)),
    "columns.3": np.asfortranarray(np.arange(24, dtype="<f2").reshape(2, 3, 4)),
    "empty": np.zeros((0, 4), dtype="<f4"),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    np.savez(os.path.join(folder, "arrays.npz"), **ARRAYS)
    with open(os.path.join(folder, "expected.tsv"), "w", encoding="ascii") as file:
        for name, array in ARRAYS.items():
            dtype = {"uint8": "uint8", "int8": "int8"}.get(array.dtype.name, array.dtype.name)
            shape = ",".join(map(str, array.shape))
            file.write(f"{name}\t{dtype}\t{shape}\t{hashlib.sha256(array.tobytes(order='C')).hexdigest()}\n")
    np.savez_compressed(os.path.join(folder, "refused-compressed.npz"), w=ARRAYS["model.f4"])
    np.savez(os.path.join(folder, "refused-objects.npz"), w=np.array([{"a": 1}, None], dtype=object))
    np.savez(os.path.join(folder, "refused-structures.npz"), w=np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
    np.savez(os.path.join(folder, "refused-big-endian.npz"), w=np.arange(4, dtype=">f4"))
    np.savez(os.path.join(folder, "refused-bfloat16.npz"), w=np.zeros(4, dtype="V2"))
    np.savez(os.path.join(folder, "refused-complex.npz"), w=np.zeros(2, dtype="<c8"))
    np.savez(os.path.join(folder, "refused-text.npz"), w=np.array(["a", "b"]))


if __name__ == "__main__":
    main()
