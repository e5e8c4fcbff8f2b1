#!/usr/bin/env python3
"""Kernel bundles from outside: packed, shown, run on the devices of this machine, and changed by others.

  package_kernels.py MLC

A bundle that `mlc package --kernels-only` wrote has to pass `mlc verify --level kernels` on Vulkan and OpenCL. One byte
of a module changed is refused before a driver sees it (exit 6). A valid module that computes something else, with all
digests made right, is found by verify, with the kernel and the variant. Rows KN of docs/robustness.md.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

MLC = os.path.abspath(sys.argv[1])
failures = 0


def mlc(*arguments, code=0):
    """Runs mlc; its output and errors together with the exit code that was expected."""
    done = subprocess.run([MLC, *map(str, arguments)], capture_output=True, text=True, timeout=600)
    if done.returncode != code:
        raise AssertionError(f"mlc {' '.join(map(str, arguments))}: exit {done.returncode}, expected {code}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def check(name, passed, detail=""):
    global failures
    print(f"{'ok     ' if passed else 'FAIL   '} {name}{'' if passed else ': ' + detail}", flush=True)
    failures += not passed


class Package:
    """A layout whose documents can be changed with all digests made right again."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.index = json.loads((self.folder / "index.json").read_text())
        self.manifest = json.loads(self.blob(self.index["manifests"][0]["digest"]).read_bytes())
        self.config = json.loads(self.blob(self.manifest["config"]["digest"]).read_bytes())

    def blob(self, digest):
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def add(self, content):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.blob(digest).write_bytes(content)
        return digest, len(content)

    def module(self, name):
        return next(f for v in self.config["variants"] for f in v["files"] if f["module"] == name)

    def replace(self, name, content):
        """The module of this name, in all variants."""
        old = self.module(name)["digest"]
        digest, size = self.add(content)
        for variant in self.config["variants"]:
            for file in variant["files"]:
                if file["digest"] == old:
                    file.update(digest=digest, size=size)
        for layer in self.manifest["layers"]:
            if layer["digest"] == old:
                layer.update(digest=digest, size=size)

    def save(self):
        digest, size = self.add(json.dumps(self.config, sort_keys=True, separators=(",", ":")).encode())
        self.manifest["config"].update(digest=digest, size=size)
        digest, size = self.add(json.dumps(self.manifest, sort_keys=True, separators=(",", ":")).encode())
        self.index["manifests"][0].update(digest=digest, size=size)
        (self.folder / "index.json").write_text(json.dumps(self.index))


def copied(folder, name):
    to = folder / name
    shutil.copytree(folder / "pkg", to)
    for path in to.rglob("*"):
        path.chmod(0o755)
    return to


def verify(model, kernels, backend, code, *more):
    """The kernel level: its findings and what was said on stderr."""
    done = mlc("verify", model, "--level", "kernels", "--device", backend, "--kernels", kernels, "--json", *more,
               code=code)
    return (json.loads(done.stdout) if done.stdout else None), done.stderr


def show(folder):
    package = folder / "pkg"
    mlc("package", "--kernels-only", "-o", package, "--version", "0.3.0")
    again = mlc("package", "--kernels-only", "-o", package, "--version", "0.3.0", "--json")
    check("a second run adds nothing", json.loads(again.stdout)["was_there"] and
          json.loads(again.stdout)["written_bytes"] == 0, again.stdout)
    shown = json.loads(mlc("inspect", package, "--json").stdout)["manifests"][0]
    check("inspect lists it", shown["tag"] == "kernels-0.3.0" and shown["kind"] == "kernels"
          and shown["bundle"]["kernels"] == 18 and len(shown["bundle"]["variants"]) == 5, str(shown)[:400])
    profile = folder / "least.json"
    profile.write_text(json.dumps({"api": "vulkan", "apiVersion": "1.1.0", "limits": {
        "maxComputeSharedMemorySize": 16384, "maxPerStageDescriptorStorageBuffers": 8}, "subgroup": {"ops": ["BASIC"]}}))
    text = mlc("inspect", f"{package}:kernels-0.3.0", "--explain", profile).stdout
    check("KN-04 --explain shows the atom that fails",
          "limits.maxComputeSharedMemorySize >= 20480: the device has 16384" in text
          and "vk11-base: taken" in text, text)
    check("--explain of a device that is none",
          "is no file and no device" in mlc("inspect", package, "--explain", "vulkan:77", code=7).stderr)
    check("--kernels is for GPUs' languages",
          "bundles are for vulkan and opencl, this device is cpu"
          in mlc("verify", folder / "model", "--level", "kernels", "--device", "cpu", "--kernels", package,
                 code=2).stderr)


def add_to_sub(spirv):
    """The first addition of floats becomes a subtraction: valid, and wrong."""
    words = [int.from_bytes(spirv[i:i + 4], "little") for i in range(0, len(spirv), 4)]
    at = 5
    while at < len(words):
        if words[at] & 0xFFFF == 129:
            words[at] += 131 - 129
            return b"".join(w.to_bytes(4, "little") for w in words)
        at += words[at] >> 16
    raise AssertionError("no addition")


def on_vulkan(folder, model):
    report, _ = verify(model, folder / "pkg", "vulkan", 0)
    bundle = report["kernels"]["bundle"]
    check("verify passes on vulkan", bundle.startswith("bundle mlc-kernels 0.3.0, variant vk11-"), str(bundle))
    flipped = copied(folder, "flipped")
    package = Package(flipped)
    blob = package.blob(package.module("combine")["digest"])
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    _, said = verify(model, flipped, "vulkan", 6)
    check("one byte of a module is found by its digest", "they were changed or damaged" in said, said)

    broken = copied(folder, "broken")
    package = Package(broken)
    package.replace("combine", bytes(content))  # its digest is right again
    package.save()
    done = subprocess.run([MLC, "verify", model, "--level", "kernels", "--device", "vulkan", "--kernels", broken],
                          capture_output=True, text=True)
    check("KN-01 a module that is invalid is refused before the driver", done.returncode in (3, 6),
          done.stdout + done.stderr)

    wrong = copied(folder, "wrong")
    package = Package(wrong)
    package.replace("combine", add_to_sub(package.blob(package.module("combine")["digest"]).read_bytes()))
    package.save()
    report, _ = verify(model, wrong, "vulkan", 6)
    found = [f for f in report["findings"] if f["id"] == "K01"]
    check("KN-09 a valid module that computes something else is named",
          any("kernel combine" in f["where"] and "variant vk11-" in f["where"] for f in found),
          str(report["findings"])[:600])

    denied = copied(folder, "denied")
    package = Package(denied)
    device = next(d for d in json.loads(mlc("devices", "--json", "--no-bandwidth").stdout)["devices"]
                  if d["backend"] == "vulkan")
    for variant in package.config["variants"]:
        if variant["id"] not in ("vk11-base", "cl12-base"):
            variant["deny"] = [{"vendorID": device["profile"]["vendorID"], "reason": "sums are wrong"}]
    package.save()
    report, _ = verify(model, denied, "vulkan", 0)
    check("KN-10 a driver on deny lists gets the baseline, which is right too",
          report["kernels"]["bundle"].endswith("variant vk11-base"), str(report["kernels"]["bundle"]))

    lacks = copied(folder, "next")
    package = Package(lacks)
    for variant in package.config["variants"]:
        variant["requires"]["tensorCores"] = True
    package.save()
    done = mlc("run", model, "--device", "vulkan", "--kernels", lacks, "--prompt", "x", code=3)
    check("KN-07 no baseline is left", "is a baseline" in done.stderr, done.stderr)
    package.config["abi"]["major"] = 2
    for variant in package.config["variants"]:
        del variant["requires"]["tensorCores"]
    package.save()
    done = mlc("bench", model, "--device", "vulkan", "--kernels", lacks, code=7)
    check("another ABI is refused", "its kernels have ABI 2, this program calls ABI 1" in done.stderr, done.stderr)
    texts = [mlc("run", model, "--device", "vulkan", *kernels, "--raw", "--prompt", "In the beginning", "--temperature",
                 "0", "--max-tokens", "8", "--quiet").stdout for kernels in ([], ["--kernels", folder / "pkg"])]
    check("run says the same with the bundle's kernels", texts[0] == texts[1] and len(texts[0]) > 8, str(texts))


def on_opencl(folder, model):
    report, _ = verify(model, folder / "pkg", "opencl", 0)
    check("verify passes on opencl", report["kernels"]["bundle"].endswith("variant cl12-base"),
          str(report["kernels"]["bundle"]))
    bad = copied(folder, "compile-error")
    package = Package(bad)
    text = package.blob(package.module("copy.cl")["digest"]).read_text()
    package.replace("copy.cl", text.replace("const size_t row", "const nonsense row").encode())
    package.save()
    report, _ = verify(model, bad, "opencl", 6)
    found = [f for f in report["findings"] if f["id"] == "K03"]
    check("KN-06 what does not compile is named with the driver's log",
          any("kernel copy" in f["where"] and "nonsense" in f["found"] for f in found), str(report["findings"])[:600])
    reads = copied(folder, "reads")
    package = Package(reads)
    package.replace("copy.cl", ('#include "/etc/passwd"\n' + text).encode())
    package.save()
    _, said = verify(model, reads, "opencl", 3)
    check("KN-06 text that names files is refused", "module copy.cl: line 1" in said and "/etc/passwd" in said, said)
    # Macros that vanish, 2^60 of them: the compiler has no end, and no memory to run out of.
    endless = copied(folder, "endless")
    package = Package(endless)
    macros = "#define E0\n" + "".join(f"#define E{i} E{i - 1} E{i - 1}\n" for i in range(1, 61))
    package.replace("copy.cl", (macros + text.replace("const size_t row", "E60 const size_t row")).encode())
    package.save()
    report, _ = verify(model, endless, "opencl", 6, "--timeout", "8")
    check("KN-06 a compiler without end is left",
          any("did not compile copy" in f["found"] and "within 8 s" in f["found"] for f in report["findings"]),
          str(report["findings"])[:600])
    check("KN-09 nothing is said of what could not be tried after it",
          {f["id"] for f in report["findings"]} <= {"K03", "K05"}, str(report["findings"])[:600])


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.environ["XDG_CACHE_HOME"] = name
        model = folder / "model"
        data = pathlib.Path(__file__).resolve().parent.parent / "data" / "kjv-llama"
        mlc("convert_weight", data, "--quantization", "q4f16_1", "-o", model, "--quiet")
        mlc("gen_config", data, "--quantization", "q4f16_1", "--conv-template", "LM", "-o", model, "--quiet")
        show(folder)
        devices = {d["backend"] for d in json.loads(mlc("devices", "--json", "--no-bandwidth").stdout)["devices"]}
        for backend, test in (("vulkan", on_vulkan), ("opencl", on_opencl)):
            if backend in devices:
                test(folder, model)
            else:
                print(f"skipped: there is no {backend} device")
    print(f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
