#!/usr/bin/env python3
"""mlc package, mlc unpack and mlc gc as programs: package.py MLC DATA [TEST...] (DATA: tests/data)."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

MLC, DATA = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()


def mlc(*arguments, code=0, **more):
    done = subprocess.run([MLC, *map(str, arguments)], capture_output=True, text=True, timeout=300, **more)
    if done.returncode != code:
        raise AssertionError(f"mlc {' '.join(map(str, arguments))}: exit code {done.returncode}, expected {code}\n{done.stderr}")
    return done


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))


def make_device(path):
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))


def tree(folder):
    """Every file below with its digest and every folder, so that equal trees are equal values."""
    out = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        out[name] = "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
    return out


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="mlc-package-"))
        cls.model = cls.shared / "kjv"
        source = DATA / "kjv-llama"
        mlc("convert_weight", source, "--quantization", "q4f16_1", "-o", cls.model, "--quiet")
        mlc("gen_config", source, "--quantization", "q4f16_1", "--conv-template", "LM", "-o", cls.model, "--quiet")
        shutil.copy(source / "README.md", cls.model)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared)

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="mlc-package-"))
        self.addCleanup(shutil.rmtree, self.root)

    def copy(self):
        folder = self.root / "kjv"
        shutil.copytree(self.model, folder)
        return folder


class Packages(Case):
    def test_round_trip(self):
        for output in ["p", "p.tar", "p.tar.zst"]:
            made = json.loads(mlc("package", self.model, "-o", self.root / output, "--json").stdout)
            self.assertEqual(made["tag"], "kjv-0.1.0")
            back = json.loads(mlc("unpack", self.root / output, "-o", self.root / f"{output}-out", "--json").stdout)
            self.assertEqual(back["manifest"], made["manifest"])
            self.assertEqual(tree(self.root / f"{output}-out"), tree(self.model))
        mlc("verify", self.root / "p-out", "--level", "files")

    def test_memory_and_binding_are_in_the_manifest(self):
        mlc("package", self.model, "-o", self.root / "p")
        index = json.loads((self.root / "p/index.json").read_text())
        blobs = self.root / "p/blobs/sha256"
        manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
        self.assertEqual(manifest["annotations"]["ai.mlc.model_type"], "llama")
        self.assertGreater(int(manifest["annotations"]["ai.mlc.estimated_vram_bytes"]), 3_000_000)
        for layer in manifest["layers"]:
            data = (self.model / layer["annotations"]["org.cncf.model.filepath"]).read_bytes()
            self.assertEqual(layer["digest"], "sha256:" + hashlib.sha256(data).hexdigest())
            self.assertEqual(layer["size"], len(data))

    def test_kernels_and_attestations(self):
        key = self.root / "key"
        mlc("sign", "--new-key", key)
        source = DATA / "kjv-llama"
        made = json.loads(mlc("package", self.model, "-o", self.root / "p", "--kernels", "own", "--source", source,
                              "--sign-key", key, "--json").stdout)
        # The same by way of a bundle that stands alone.
        mlc("package", "--kernels-only", "-o", self.root / "k")
        again = json.loads(mlc("package", self.model, "-o", self.root / "q", "--kernels", self.root / "k", "--source", source,
                               "--sign-key", key, "--json").stdout)
        self.assertEqual(made["manifest"], again["manifest"])
        self.assertEqual(tree(self.root / "p"), tree(self.root / "q"))
        def blob(digest):
            return (self.root / "p/blobs/sha256" / digest[7:]).read_bytes()
        index = json.loads((self.root / "p/index.json").read_text())["manifests"]
        manifests = {m["digest"]: json.loads(blob(m["digest"])) for m in index}
        model = manifests[made["manifest"]]
        kernels = manifests[model["annotations"]["ai.mlc.kernels"]]
        self.assertEqual(kernels["artifactType"], "application/vnd.mlc.kernels.v1")
        self.assertRegex(model["annotations"]["ai.mlc.kernels.abi"], r"^>=\d+ <\d+$")
        referrers = [m for m in manifests.values() if m.get("subject", {}).get("digest") == made["manifest"]]
        self.assertEqual(len(referrers), 3)
        self.assertEqual(len(manifests), 5)
        config = blob(model["config"]["digest"]).decode()
        self.assertEqual(set(json.loads(config)), {"config", "descriptor", "modelfs"})
        for bad in ["nowhere", str(self.model)]:
            mlc("package", self.model, "-o", self.root / "r", "--kernels", bad, code=2 if bad == "nowhere" else 3)
            self.assertFalse((self.root / "r").exists())
        mlc("unpack", self.root / "p", "-o", self.root / "out")
        self.assertEqual(tree(self.root / "out"), tree(self.model))

    def test_PK06_the_same_bytes_whatever_is_around(self):
        """umask, time zone, locale, folder, threads, order of the folder, clock of the files."""
        def packed(name, model, *options, umask=0o022, cwd=None, **environment):
            outputs = []
            for suffix in ["", ".tar", ".tar.zst"]:
                output = self.root / (name + suffix)
                mlc("package", model, "-o", output, "--name", "kjv", *options, cwd=cwd,
                    env={**os.environ, **environment}, preexec_fn=lambda: os.umask(umask))
                outputs.append(tree(output) if suffix == "" else hashlib.sha256(output.read_bytes()).hexdigest())
            return outputs

        expected = packed("first", self.model)
        self.assertEqual(packed("umask", self.model, umask=0o077), expected)
        self.assertEqual(packed("tz", self.model, TZ="Asia/Kathmandu", LANG="tr_TR.UTF-8", LC_ALL="C"), expected)
        self.assertEqual(packed("cwd", "kjv", cwd=self.shared), expected)
        for threads in [1, 3, 8]:
            self.assertEqual(packed(f"threads{threads}", self.model, "--threads", threads), expected)
        other = self.root / "other order"
        other.mkdir()
        for path in sorted(self.model.iterdir(), reverse=True):
            shutil.copyfile(path, other / path.name)
            os.utime(other / path.name, (10**9, 10**9))
        self.assertEqual(packed("order", other), expected)
        self.assertNotEqual(packed("dated", self.model, SOURCE_DATE_EPOCH="1"), expected)

    def test_PK01_special_files_are_refused_without_waiting(self):
        makers = {
            "a symbolic link": lambda path: os.symlink("/etc/passwd", path),
            "a FIFO": os.mkfifo,
            "a socket": make_socket,
        }
        if os.geteuid() == 0:
            makers["a device"] = make_device
        model = self.copy()
        for kind, make in makers.items():
            path = model / "x"
            try:
                make(path)
            except PermissionError:  # root of a container
                continue
            began = time.monotonic()
            done = mlc("package", model, "-o", self.root / "p", code=3)
            self.assertIn(f"kjv/x: is {kind}", done.stderr)
            self.assertLess(time.monotonic() - began, 5)
            self.assertFalse((self.root / "p").exists())
            path.unlink()

    def test_kernels_of_linux_without_openat2(self):
        """Component by component, and links are refused all the same."""
        def without(*arguments):
            return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS", MLC, *arguments]
        if not shutil.which("strace") or subprocess.run(without("help"), capture_output=True).returncode != 0:
            self.skipTest("skipped: strace can't trace here")
        model = self.copy()
        (model / "a/b").mkdir(parents=True)
        (model / "a/b/c").write_text("c")
        subprocess.run(without("package", model, "-o", self.root / "p", "--quiet"), check=True, stdout=subprocess.DEVNULL)
        subprocess.run(without("unpack", self.root / "p", "-o", self.root / "out", "--quiet"), check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(tree(self.root / "out"), tree(model))

    def test_IO06_SIGINT_leaves_nothing(self):
        model = self.copy()
        with open(model / "params_shard_9.bin", "wb") as f:
            f.truncate(600 << 20)
        process = subprocess.Popen([MLC, "package", model, "-o", self.root / "p"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while not (self.root / "p").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assertFalse((self.root / "p").exists())

    def test_IO08_writers_side_by_side(self):
        """Several versions at the same time into one package."""
        package = self.root / "p"
        runs = [subprocess.Popen([MLC, "package", self.model, "-o", package, "--version", f"1.0.{i}"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for i in range(6)]
        for run in runs:
            _, text = run.communicate(timeout=120)
            self.assertEqual(run.returncode, 0, text)
        index = json.loads((package / "index.json").read_text())
        tags = [m["annotations"].get("org.opencontainers.image.ref.name") for m in index["manifests"] if "annotations" in m]
        self.assertEqual(tags, [f"kjv-1.0.{i}" for i in range(6)])
        self.assertFalse((package / ".mlc-partial").exists())
        self.assertIn("removed 0 B", mlc("gc", package, "--check").stdout)

    def test_IO05_gc_after_a_kill(self):
        model = self.copy()
        with open(model / "params_shard_9.bin", "wb") as f:
            f.truncate(600 << 20)
        process = subprocess.Popen([MLC, "package", model, "-o", self.root / "p", "--quiet"])
        while not list((self.root / "p/.mlc-partial").glob("new-*")):
            time.sleep(0.01)
        process.kill()
        process.wait()
        self.assertIn("no package", mlc("unpack", self.root / "p", "-o", self.root / "out", code=3).stderr)
        self.assertIn("would remove", mlc("gc", self.root / "p", "--dry-run").stdout)
        mlc("gc", self.root / "p")
        self.assertEqual(tree(self.root / "p"), {})
        mlc("package", self.model, "-o", self.root / "p")
        mlc("package", self.model, "-o", self.root / "q")
        self.assertEqual(tree(self.root / "p"), tree(self.root / "q"))

    def test_other_tools_read_it(self):
        mlc("package", self.model, "-o", self.root / "p")
        mlc("package", self.model, "-o", self.root / "p.tar")
        digest = json.loads((self.root / "p/index.json").read_text())["manifests"][0]["digest"]
        if not shutil.which("umoci") or not shutil.which("skopeo"):
            self.skipTest("skipped: no umoci and skopeo")
        listed = subprocess.run(["umoci", "ls", "--layout", self.root / "p"], capture_output=True, text=True)
        self.assertEqual(listed.stdout, "kjv-0.1.0\n", listed.stderr)
        for source in [f"oci:{self.root}/p:kjv-0.1.0", f"oci-archive:{self.root}/p.tar:kjv-0.1.0"]:
            copy = self.root / f"copy{source.count('tar')}"
            done = subprocess.run(["skopeo", "copy", "--insecure-policy", "--preserve-digests", source, f"oci:{copy}:v"],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads((copy / "index.json").read_text())["manifests"][0]["digest"], digest)
            mlc("unpack", copy, "-o", f"{copy}-out")
            self.assertEqual(tree(f"{copy}-out"), tree(self.model))

    def test_signed(self):
        """The signature is a referrer, the same for the folder and for the package."""
        mlc("sign", "--new-key", self.root / "key")
        for name in ["p", "q"]:
            mlc("package", self.model, "-o", self.root / name, "--sign-key", self.root / "key")
        self.assertEqual(tree(self.root / "p"), tree(self.root / "q"))
        mlc("verify", self.root / "p", "--key", self.root / "key.pub", "--level", "files")
        mlc("unpack", self.root / "p", "-o", self.root / "out")
        self.assertEqual(tree(self.root / "out"), tree(self.model))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
