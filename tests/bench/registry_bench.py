#!/usr/bin/env python3
"""Pushes a large package to docker-registry on this machine and pulls it back, beside curl doing the same.

  registry_bench.py MLC [GIGABYTES] [FOLDER]

GIGABYTES: of the package, in shards of 32 MB (2). FOLDER needs four times that (default: the system's temporary
folder); all is removed again. curl sends and fetches the same blobs, four at a time in one process, and neither hashes
nor syncs; "with sha256sum and sync" does what a pull has to do as well, one after the other. Each is done twice, the
better time counts. The memory is the kernel's peak of the process; the bound is 64 MiB and 4 MiB for each of the 4
connections.
"""

import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import oci_layout
from registry import Registry

SHARD = 32_000_000
BOUND = (64 << 20) + 4 * (4 << 20)
ROUNDS = 2


def make_package(folder, size):
    """Straight to disk: the package does not fit into memory twice."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layout, layers = oci_layout.Layout(), []
    for i in range(max(1, size // SHARD)):
        name = f"params_shard_{i}.bin"
        data = os.urandom(SHARD)
        digest = oci_layout.digest(data)
        (blobs / digest.partition(":")[2]).write_bytes(data)
        layers.append({"mediaType": oci_layout.WEIGHT, "digest": digest, "size": SHARD,
                       "annotations": {"org.cncf.model.filepath": name}})
    layout.manifest(oci_layout.MODEL, layout.blob(oci_layout.CONFIG, b"{}"), layers, "v1")
    small = folder.with_name("small")
    layout.write(small)
    for blob in (small / "blobs" / "sha256").iterdir():
        shutil.copy(blob, blobs / blob.name)
    for name in ("oci-layout", "index.json"):
        shutil.copy(small / name, folder / name)
    return [(l["digest"], blobs / l["digest"].partition(":")[2]) for l in layers]


def timed(command):
    """Seconds, and the peak memory of the process."""
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    # A child of ours would begin with our own peak; time's does not.
    with tempfile.NamedTemporaryFile("r") as figures:
        done = subprocess.run(["/usr/bin/time", "-f", "%e %M", "-o", figures.name, *command], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, env=environment, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr.decode()}")
        seconds, kilobytes = figures.read().split()
    return float(seconds), int(kilobytes) * 1024


def curl(root, lines):
    config = root / "curl.config"
    config.write_text("\nnext\n".join(lines) + "\n")
    return timed(["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", "4", "--parallel-immediate",
                  "--config", config])[0]


def curl_push(root, registry, blobs):
    lines = []
    connection = http.client.HTTPConnection(registry.host)
    for digest, path in blobs:
        connection.request("POST", "/v2/curl/uploads/blobs/uploads/", body=b"")
        answer = connection.getresponse()
        answer.read()
        lines.append(f'url = "{answer.getheader("Location")}&digest={digest}"\nupload-file = "{path}"\noutput = "/dev/null"\n'
                     'header = "Content-Type: application/octet-stream"\nheader = "Expect:"\nfail')
    return curl(root, lines)


def curl_pull(root, registry, blobs):
    shutil.rmtree(root / "curl", ignore_errors=True)
    (root / "curl").mkdir()
    return curl(root, [f'url = "http://{registry.host}/v2/bench/blobs/{digest}"\noutput = "{root / "curl" / path.name}"\nfail'
                       for digest, path in blobs])


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    mlc = str(pathlib.Path(sys.argv[1]).resolve())
    size = int(float(sys.argv[2]) * 1e9) if len(sys.argv) > 2 else 2_000_000_000
    root = pathlib.Path(tempfile.mkdtemp(prefix="mlc-registry-bench-", dir=sys.argv[3] if len(sys.argv) > 3 else None))
    try:
        blobs = make_package(root / "pkg", size)
        total = SHARD * len(blobs)
        best, peak = {}, {}

        def note(name, seconds, memory=0):
            best[name] = min(best.get(name, 1e9), seconds)
            peak[name] = max(peak.get(name, 0), memory)

        for _ in range(ROUNDS):
            for name in ("curl push", "mlc push"):
                os.sync()
                registry = Registry(root / "registry")
                if name == "curl push":
                    note(name, curl_push(root, registry, blobs))
                else:
                    note(name, *timed([mlc, "push", root / "pkg", f"{registry.host}/bench:v1", "--quiet"]))
                    os.sync()
                    note("curl pull", curl_pull(root, registry, blobs))
                    start = time.monotonic()
                    subprocess.run(["sh", "-c", 'sha256sum "$@" >/dev/null && sync "$@"', "sh", *[root / "curl" / p.name for _, p in blobs]],
                                   check=True)
                    note("sha256sum and sync", time.monotonic() - start)
                    shutil.rmtree(root / "curl")
                    os.sync()
                    note("mlc pull", *timed([mlc, "pull", f"{registry.host}/bench:v1", "-o", root / "store", "--quiet"]))
                    shutil.rmtree(root / "store")
                registry.stop()
                shutil.rmtree(root / "registry")
        best["curl pull with sha256sum and sync"] = best["curl pull"] + best.pop("sha256sum and sync")
        for name, seconds in sorted(best.items()):
            memory = f"  peak {peak[name] / (1 << 20):.0f} MiB" if peak.get(name) else ""
            print(f"{name:<36} {seconds:7.2f} s  {total / seconds / 1e6:6.0f} MB/s{memory}")
        print(json.dumps({"bytes": total, "push_to_curl": round(best["curl push"] / best["mlc push"], 3),
                          "pull_to_curl": round(best["curl pull"] / best["mlc pull"], 3),
                          "pull_to_curl_with_sha256sum_and_sync":
                              round(best["curl pull with sha256sum and sync"] / best["mlc pull"], 3),
                          "peak_mib": {n: round(p / (1 << 20), 1) for n, p in peak.items() if p}}))
        if max(peak.values()) > BOUND:
            sys.exit("the peak is above its bound")
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
