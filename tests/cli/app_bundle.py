#!/usr/bin/env python3
"""mlc package without a model: the bundles that mlc_llm makes (tests/golden/app_package), and what goes wrong.

  app_bundle.py MLC

Model libraries are compiled here by clang, which needs no SDK for them; mlc_llm's scripts for Apple's and Android's
toolchains are played by functions that leave files where the scripts do.
"""

import hashlib
import io
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hub_server

TESTS = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = TESTS / "golden" / "app_package"
TARGETS = {"iphone": "arm64-apple-ios", "macabi": "arm64-apple-ios", "android": "aarch64-linux-android"}
LLAMA = "Llama-2-7b-chat-hf-q4f16_1-MLC"


class App:
    """A folder with an app, its models, mlc_llm's home and its source, as on a developer's machine."""

    def __init__(self, mlc, base, device):
        self.mlc, self.base, self.device = mlc, pathlib.Path(base), device
        self.app = self.base / "app"
        self.golden = GOLDEN / device
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLC_LLM", "MLC_JIT", "MLC_MACABI"))}
        self.environment["MLC_LLM_HOME"] = str(self.base / "home")
        self.environment["HF_HUB_OFFLINE"] = "1"
        self.app.mkdir(parents=True)
        self.config = json.loads((self.golden / "mlc-package-config.json").read_text())
        self.write_config()
        keys = json.loads((self.golden / "jit_hash_inputs.json").read_text())
        self.keys = [json.loads(key["json"]) for key in keys]
        self.md5s = [key["md5"] for key in keys]
        llama = json.loads(json.dumps(self.keys[0]))
        llama["model_config"].update(context_window_size=4096, prefill_chunk_size=4096)
        self.weights = self.base / "home" / "model_weights" / "hf" / "mlc-ai" / LLAMA
        self.make_model(self.weights, llama)
        self.phi = self.base / "local" / "phi-2-q4f16_1-MLC"
        self.make_model(self.phi, self.keys[2])
        java = self.base / "mlc-llm-src" / "android" / "mlc4j"
        (java / "src" / "main" / "java").mkdir(parents=True)
        (java / "src" / "main" / "java" / "A.java").write_text("class A {}\n")
        (java / "build.gradle").write_text("// gradle\n")

    def write_config(self):
        (self.app / "mlc-package-config.json").write_text(json.dumps(self.config, indent=4))

    @staticmethod
    def make_model(folder, key):
        folder.mkdir(parents=True)
        chat = {"version": "0.1.0", "model_type": key["model_type"], "quantization": key["quantization"],
                "model_config": key["model_config"], "vocab_size": key["model_config"]["vocab_size"], "temperature": 0.7}
        (folder / "mlc-chat-config.json").write_text(json.dumps(chat))
        shard = bytes(range(32))
        record = {"name": "a", "shape": [16], "dtype": "float16", "format": "f32-to-bf16", "nbytes": 32, "byteOffset": 0}
        cache = {"metadata": {"ParamSize": 1}, "records": [
            {"dataPath": "params_shard_0.bin", "format": "raw-shard", "nbytes": 32, "records": [record],
             "md5sum": hashlib.md5(shard).hexdigest()}]}
        (folder / "params_shard_0.bin").write_bytes(shard)
        (folder / "tensor-cache.json").write_text(json.dumps(cache))
        (folder / "tokenizer.json").write_text("{}")

    def make_library(self, path, model_lib, suffix="___tvm_ffi__library_bin"):
        path.parent.mkdir(parents=True, exist_ok=True)
        symbol = model_lib.replace("-", "_")
        with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as tar:
            for name, code in (("lib0.o", f"int {symbol}{suffix};"), ("devc.o", f"int {symbol}_code(void) {{ return 1; }}")):
                source = path.with_suffix(".c")
                source.write_text(code)
                target = path.with_suffix(".o")
                subprocess.run(["clang", f"--target={TARGETS[self.device]}", "-c", source, "-o", target], check=True)
                info = tarfile.TarInfo(name)
                data = target.read_bytes()
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
                source.unlink()
                target.unlink()

    def compile_all(self):
        """What mlc_llm's JIT leaves in its home."""
        home = self.base / "home" / "model_lib"
        self.make_library(home / f"{self.md5s[1]}.tar", self.keys[1]["system_lib_prefix"])
        self.make_library(home / f"{self.md5s[2]}.tar", "phi_q4f16_1")

    def run_scripts(self):
        """What prepare_libs leaves in the current folder."""
        build = self.app / ("build-maccatalyst-arm64" if self.device == "macabi" else "build")
        if self.device == "android":
            (build / "output" / "arm64-v8a").mkdir(parents=True, exist_ok=True)
            (build / "output" / "arm64-v8a" / "libtvm4j_runtime_packed.so").write_text("so")
            (build / "output" / "tvm4j_core.jar").write_text("jar")
            return
        (build / "lib").mkdir(parents=True, exist_ok=True)
        for name in ("mlc_llm", "sentencepiece", "tokenizers_c", "tokenizers_cpp", "tvm_runtime"):
            (build / "lib" / f"lib{name}.a").write_text(name)

    def run(self, *arguments, environment=None):
        command = [self.mlc, "package", "--mlc-llm-source-dir", str(self.base / "mlc-llm-src"), *arguments]
        return subprocess.run(command, cwd=self.app, env={**self.environment, **(environment or {})},
                              capture_output=True, text=True, timeout=60)

    def refused(self, code, *parts, **more):
        result = self.run(**more)
        assert result.returncode == code, (code, result)
        for part in parts:
            assert part in result.stderr, (part, result.stderr)
        return result.stderr

    def tree(self):
        names = []
        for top in ("app", "home/model_lib"):
            for path in (self.base / top).rglob("*"):
                if path.is_file():
                    names.append(str(path.relative_to(self.base)))
        return sorted(names)

    def bundle(self):
        """Every file of dist with its bytes."""
        dist = self.app / "dist"
        return {str(p.relative_to(dist)): p.read_bytes() for p in dist.rglob("*") if p.is_file()}


def command_of(line):
    """A command as a dict: the words, and the values of options. Folders and Python's place don't count."""
    words = line if isinstance(line, list) else line.split(" --")
    head, *options = words
    return head, dict((option + " ").split(" ", 1) for option in options)


def golden_app(mlc, base, device):
    app = App(mlc, base, device)
    # Nothing is compiled: mlc_llm's own commands are asked for, and nothing is written.
    message = app.refused(7, "model libraries are compiled by mlc_llm")
    assert not (app.app / "dist").exists()
    ours = message.split("run this and then the same command again: ")[1].strip().split(" && ")
    theirs = (app.golden / "commands.txt").read_text().splitlines()
    for mine, other in zip(ours, theirs):
        head, options = command_of(other.replace("{BASE}", str(app.base)))
        words = shlex.split(mine)
        assert words[:5] == ["python3", "-m", "mlc_llm", "compile", head.split()[-1]], (mine, other)
        mine = dict(zip(words[5::2], words[6::2]))
        cached = mine.pop("--output")
        assert cached.startswith(str(app.base / "home" / "model_lib")), cached
        options.pop("output")
        assert {k[2:]: v for k, v in mine.items()} == {k: v.strip() for k, v in options.items()}, (mine, options)
    assert len(ours) == 2

    app.compile_all()
    # The static library and the bundle are written; what comes of Apple's or Android's tools is asked for.
    message = app.refused(7, "libraries are built by mlc_llm's script")
    mine = message.split("same command again: ")[1].strip()
    other = theirs[2].replace("{BASE}", str(app.base)).replace("/usr/bin/python3", "python3")
    assert mine == other, (mine, other)
    assert (app.app / "dist" / "bundle" / "mlc-app-config.json").exists()

    app.run_scripts()
    result = app.run()
    assert result.returncode == 0, result
    wanted = (app.golden / "tree.txt").read_text().split()
    found = app.tree()
    digests = "app/dist/mlc-bundle-digests.json"
    assert digests in found
    found.remove(digests)
    assert found == sorted(wanted), (set(found) ^ set(wanted))
    assets = app.app / "dist" / ("lib/mlc4j/src/main/assets" if device == "android" else "bundle") / "mlc-app-config.json"
    assert assets.read_bytes() == (app.golden / "mlc-app-config.json").read_bytes()
    for name in os.listdir(app.phi):
        assert (app.app / "dist" / "bundle" / "phi-2-q4f16_1" / name).read_bytes() == (app.phi / name).read_bytes()

    # The digests are those of all files, and nothing else.
    files = json.loads((app.base / digests).read_text())["files"]
    dist = app.app / "dist"
    everything = {str(p.relative_to(dist)) for p in dist.rglob("*") if p.is_file()} - {"mlc-bundle-digests.json"}
    assert set(files) == everything, set(files) ^ everything
    for name, said in files.items():
        data = (dist / name).read_bytes()
        assert said == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}, name

    # Again: the same bytes. Models that are gone from the config are gone from the bundle; other files stay.
    before = app.bundle()
    (dist / "bundle" / "old-model").mkdir()
    (dist / "bundle" / "old-model" / "x").write_text("x")
    (dist / "bundle" / "note.txt").write_text("mine")
    assert app.run().returncode == 0
    after = app.bundle()
    assert after.pop("bundle/note.txt") == b"mine"
    assert after == before, set(after) ^ set(before)

    # The tools of LLVM read the library.
    library = app.app / ("build/lib/libmodel_android.a" if device == "android" else "dist/lib/libmodel_iphone.a")
    if shutil.which("llvm-nm"):
        listed = subprocess.run(["llvm-nm", "--print-armap", library], check=True, capture_output=True, text=True).stdout
        assert "phi_q4f16_1___tvm_ffi__library_bin" in listed.split("\n\n")[0], listed
    print(f"golden {device}: tree and mlc-app-config.json are mlc_llm's")
    return app


def android_links_again(app):
    """A library that changed makes the script's older result stale."""
    time.sleep(0.02)
    app.config["model_lib_path_for_prepare_libs"] = {"extra": "extra.tar"}
    app.write_config()
    app.make_library(app.app / "extra.tar", "extra")
    app.refused(7, "python3", "prepare_libs.py")
    time.sleep(0.02)
    app.run_scripts()
    assert app.run().returncode == 0


def errors(app):
    config = json.loads(json.dumps(app.config))

    def changed(change, code, *parts, **more):
        app.config = json.loads(json.dumps(config))
        change(app.config)
        app.write_config()
        before = app.bundle()
        app.refused(code, *parts, **more)
        assert app.bundle() == before
        assert not (app.app / "dist" / ".mlc-partial").exists()
        app.config = json.loads(json.dumps(config))
        app.write_config()

    result = app.run("--package-config", "none.json")
    assert result.returncode == 2 and "none.json: no such file" in result.stderr, result
    changed(lambda c: c.pop("device"), 3, "device is missing")
    changed(lambda c: c.update(device="webgpu"), 3, 'found "webgpu"')
    changed(lambda c: c["model_list"][1].update(bundle_weight=False), 3, '"bundle_weight": true')
    changed(lambda c: c["model_list"][1].update(model="../local/none"), 3, "no mlc-chat-config.json")
    changed(lambda c: c["model_list"][1].update(model_id="../x"), 3, "can't be a folder's name")
    changed(lambda c: c["model_list"][0].update(model="https://example.com/a/b"), 3, "is no model of the hub")
    changed(lambda c: None, 7, "MLC_JIT_POLICY=OFF", environment={"MLC_JIT_POLICY": "OFF"})
    changed(lambda c: None, 7, "compiled by mlc_llm", environment={"MLC_JIT_POLICY": "REDO"})
    changed(lambda c: None, 2, "MLC_JIT_POLICY", environment={"MLC_JIT_POLICY": "MAYBE"})

    # Libraries of the map.
    def library(name, suffix):
        app.make_library(app.app / "lib.tar", name, suffix)
        return lambda c: c.update(model_lib_path_for_prepare_libs={"phi_q4f16_1": "lib.tar"})

    changed(library("phi_q4f16_1", "___tvm_dev_mblob"), 6, "until June 2025", "compile the model anew")
    changed(library("phi_q4f16_1", "___tvm_ffi_library_bin"), 6, "until September 2025")
    changed(library("other", "___tvm_ffi__library_bin"), 6, "libraries there are:", "other")
    changed(lambda c: c.update(model_lib_path_for_prepare_libs={"phi_q4f16_1": "no.tar"}), 3, "no.tar: no such file")
    (app.app / "bad.tar").write_bytes(b"\x1f\x8b" + b"x" * 100)
    changed(lambda c: c.update(model_lib_path_for_prepare_libs={"phi_q4f16_1": "bad.tar"}), 3, "gzip data is damaged")

    # Links in a model folder lead out of it.
    (app.phi / "link").symlink_to("/etc/passwd")
    changed(lambda c: None, 3, "link")
    (app.phi / "link").unlink()
    cache = (app.phi / "tensor-cache.json").read_bytes()
    (app.phi / "tensor-cache.json").write_text("{")
    changed(lambda c: None, 3, "tensor-cache.json")
    (app.phi / "tensor-cache.json").unlink()
    changed(lambda c: None, 3, "has no tensor-cache.json")
    (app.phi / "tensor-cache.json").write_bytes(cache)
    print("errors: exit codes and messages, and the bundle stays as it was")


def estimates(app):
    """Without estimated_vram_bytes it is computed, with the entry's overrides."""
    for model in app.config["model_list"]:
        model.pop("estimated_vram_bytes")
    app.write_config()
    assert app.run().returncode == 0
    written = json.loads((app.app / "dist" / "bundle" / "mlc-app-config.json").read_text())["model_list"]
    # weights + 2 x layers x heads x dim x 2 bytes x context + rows x (4 hidden + 2 widest) x 2 + vocabulary x 4
    llama = 32 + 2 * 32 * 32 * 128 * 2 * 768 + 128 * (4 * 4096 + 2 * 22016) * 2 + 32000 * 4
    phi = 32 + 2 * 32 * 32 * 80 * 2 * 2048 + 2048 * (4 * 2560 + 2 * 10240) * 2 + 51200 * 4
    assert [m["estimated_vram_bytes"] for m in written] == [llama, phi], (written, llama, phi)
    print("estimated_vram_bytes: computed where the config has none")


def own_kernels(mlc, base):
    """vulkan and opencl: our kernels take the place of a compiled library; nothing else is needed."""
    for device in ("vulkan", "opencl"):
        app = App(mlc, base / device, "iphone")
        app.config["device"] = device
        app.write_config()
        assert app.run().returncode == 0
        dist = app.app / "dist"
        config = json.loads((dist / "bundle" / "mlc-app-config.json").read_text())["model_list"]
        index = json.loads((dist / "lib" / "kernels" / "index.json").read_text())
        digest = index["manifests"][0]["digest"]
        assert config[0]["model_lib"] == digest and config[1]["model_lib"] == "phi_q4f16_1", config
        assert config[0]["overrides"] == {"prefill_chunk_size": 128, "context_window_size": 768}, config
        assert config[1]["model_path"] == "phi-2-q4f16_1", config
        blobs = dist / "lib" / "kernels" / "blobs" / "sha256"
        for blob in blobs.iterdir():
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
        before = app.bundle()
        assert len(before) > 10 and app.run().returncode == 0 and app.bundle() == before
        assert not (dist / ".mlc-partial").exists() and not (dist / "lib" / "kernels" / ".mlc-partial").exists()
    print(f"vulkan, opencl: a bundle with {len(list(blobs.iterdir()))} blobs of kernels, twice the same")


def from_the_hub(mlc, base):
    """A model of the hub that mlc_llm has not downloaded: it comes into the hub's cache, and from there into the bundle."""
    app = App(mlc, base, "iphone")
    app.compile_all()
    app.run_scripts()
    shutil.rmtree(app.weights)
    hub, _ = hub_server.pair()
    files = {name: (app.phi / name).read_bytes() for name in os.listdir(app.phi)}
    repository = hub_server.Repository(files)
    hub.repositories["org/phi"] = {"main": repository, repository.commit: repository}
    app.config["model_list"] = [{**app.config["model_list"][1], "model": "HF://org/phi"}]
    app.write_config()
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(base / "hub"), "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}
    result = app.run(environment=environment)
    assert result.returncode == 0, result
    bundled = app.app / "dist" / "bundle" / "phi-2-q4f16_1"
    assert {p.name: p.read_bytes() for p in bundled.iterdir()} == files
    assert not any(p.is_symlink() for p in bundled.iterdir())
    config = json.loads((app.app / "dist" / "bundle" / "mlc-app-config.json").read_text())
    assert config["model_list"][0]["model_path"] == "phi-2-q4f16_1"
    app.refused(5, "HF_HUB_OFFLINE", environment={"HF_HOME": str(base / "cold")})
    print("a model of the hub is bundled as it is there")


def links(app):
    """Linkers find the symbols through the index of the archive."""
    if not shutil.which("lld"):
        return print("skipped: no lld")
    symbol = "phi_q4f16_1___tvm_ffi__library_bin"
    (app.app / "main.c").write_text(f"extern int {symbol}; int *place(void) {{ return &{symbol}; }}")
    subprocess.run(["clang", f"--target={TARGETS[app.device]}", "-c", "main.c", "-o", "main.o"], cwd=app.app, check=True)
    if app.device == "android":
        command = ["lld", "-flavor", "gnu", "-shared", "--no-undefined", "main.o", "build/lib/libmodel_android.a"]
    else:
        command = ["lld", "-flavor", "darwin", "-arch", "arm64", "-platform_version", "ios", "14.0", "14.0", "-dylib",
                   "-undefined", "dynamic_lookup", "main.o", "dist/lib/libmodel_iphone.a"]
    subprocess.run([*command, "-o", "linked"], cwd=app.app, check=True, timeout=60)
    if shutil.which("llvm-nm"):
        found = subprocess.run(["llvm-nm", "--defined-only", "linked"], cwd=app.app, check=True, capture_output=True, text=True)
        assert symbol in found.stdout, found.stdout
    for name in ("main.c", "main.o", "linked"):
        (app.app / name).unlink()
    print(f"{app.device}: lld links the library")


CALLS = ("rename", "renameat2", "link", "mkdir", "unlink", "pwrite64", "fsync")


def injected(app, what, codes):
    """A fault at each call that writes while one bundle takes the place of another: old or new, never a mixture."""
    dist = app.app / "dist"
    tokenizer = app.phi / "tokenizer.json"

    def state():
        return {p.name: p.read_bytes() for p in (dist / "bundle").rglob("*") if p.is_file()}

    def version(n):
        tokenizer.write_text(json.dumps({"version": n}))

    version(1)
    assert app.run().returncode == 0
    old = state()
    version(2)
    new = {**old, "tokenizer.json": tokenizer.read_bytes()}
    points = 0
    for call in CALLS:
        at = 1
        while True:
            command = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:{what}:when={at}", app.mlc, "package", "--quiet"]
            result = subprocess.run(command, cwd=app.app, env={**app.environment, "ASAN_OPTIONS": "detect_leaks=0"},
                                    capture_output=True, text=True, timeout=60)
            now = state()
            assert now in (old, new), (call, at, {k for k in new if now.get(k) != new[k]})
            if (dist / "mlc-bundle-digests.json").exists():
                for name, said in json.loads((dist / "mlc-bundle-digests.json").read_text())["files"].items():
                    assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == said["sha256"], (call, at, name)
            if result.returncode == 0 and now == new:
                break
            assert result.returncode in codes, (call, at, result)
            if 4 in codes:
                assert not (dist / ".mlc-partial").exists() or call == "unlink", (call, at, os.listdir(dist))
            points, at = points + 1, at + 1
            if now == new:  # back to the old one for the next point
                version(1)
                assert app.run().returncode == 0
                version(2)
                assert state() == old
        version(1)
        assert app.run().returncode == 0
        version(2)
        assert state() == old
    assert points > 30, points
    assert app.run().returncode == 0 and state() == new
    assert not (dist / ".mlc-partial").exists()
    print(f"{what} at {points} calls: the bundle was the old or the new one each time")


def main():
    mlc = os.path.abspath(sys.argv[1])
    if not shutil.which("clang"):
        return print("skipped: no clang")
    with tempfile.TemporaryDirectory() as base:
        apps = {device: golden_app(mlc, pathlib.Path(base) / device, device) for device in TARGETS}
        links(apps["android"])
        links(apps["iphone"])
        android_links_again(apps["android"])
        own_kernels(mlc, pathlib.Path(base))
        from_the_hub(mlc, pathlib.Path(base) / "hub")
        errors(apps["iphone"])
        estimates(apps["iphone"])
        if not shutil.which("strace"):
            return print("skipped: no strace")
        injected(apps["iphone"], "signal=KILL", (-9, 137))
        injected(apps["iphone"], "error=ENOSPC", (4,))


if __name__ == "__main__":
    main()
