#!/usr/bin/env python3
"""mlc deliver from end to end: a list with good and bad models, the log, runs that are killed, a registry.

  deliver.py MLC
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hub_server
from registry import Registry

MODEL = pathlib.Path(__file__).resolve().parent.parent / "data" / "kjv-llama"


class Delivery:
    def __init__(self, mlc, base, name):
        self.mlc, self.base = mlc, base / name
        self.base.mkdir()
        self.out, self.log = self.base / "out", self.base / "log.json"
        self.environment = {**os.environ, "HF_HUB_OFFLINE": "1", "MLC_HOME": str(self.base / "cache"), "MLC_RETRY_BASE_MS": "1",
                            "HF_HOME": str(self.base / "hub")}

    def write(self, tasks, **more):
        (self.base / "spec.json").write_text(json.dumps({"tasks": tasks, **more}))

    def command(self, *arguments):
        return [self.mlc, "deliver", "spec.json", "--username", "Me", "--output", "out", "--log", "log.json", "--json",
                *arguments]

    def run(self, *arguments, code=0):
        result = subprocess.run(self.command(*arguments), cwd=self.base, env=self.environment, capture_output=True,
                                text=True, timeout=120)
        assert result.returncode == code, (code, result)
        self.events = [json.loads(line) for line in result.stderr.splitlines()]
        return json.loads(result.stdout)

    def logged(self):
        return {(t["model_id"], t["quantization"]): t for t in json.loads(self.log.read_text())["tasks"]}

    def digests(self, name):
        folder = self.out / name
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in folder.rglob("*") if p.is_file()}

    def chat(self, name):
        return json.loads((self.out / name / "mlc-chat-config.json").read_text())


def names(results):
    return [(r["model_id"], r["quantization"]) for r in results]


def task(model_id, model=MODEL, **more):
    return {"model_id": model_id, "model": str(model), "conv_template": "LM", **more}


def damaged_model(base):
    """A checkpoint that converts, to weights that are no numbers."""
    folder = base / "damaged"
    shutil.copytree(MODEL, folder)
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    tensor = header["model.norm.weight"]
    width = {"F32": 4, "F16": 2, "BF16": 2}[tensor["dtype"]]
    start = 8 + size + tensor["data_offsets"][0]
    data[start:start + width] = {4: b"\x00\x00\xc0\x7f", 2: b"\xc0\x7f" if tensor["dtype"] == "BF16" else b"\x00\x7e"}[width]
    path.write_bytes(data)
    return folder


def good_and_bad(mlc, base):
    d = Delivery(mlc, base, "list")
    overrides = {"q0f16": {"context_window_size": 128, "prefill_chunk_size": 64}}
    tasks = [task("Kjv", quantization="q0f16", overrides=overrides), task("Missing", base / "nowhere"),
             task("Damaged", damaged_model(base)), task("Unknown", quantization=["q5"]),
             task("Named", destination="org/{model_id}.{quantization}")]
    d.write(tasks, default_quantization=["q4f16_1"])

    plan = d.run("--dry-run")["deliveries"]
    assert len(plan) == 7 and all(one["work"] == "all" for one in plan), plan
    assert not d.out.exists() and not d.log.exists()

    result = d.run(code=3)
    good = [("Kjv", "q0f16"), ("Kjv", "q4f16_1"), ("Unknown", "q4f16_1"), ("Named", "q4f16_1")]
    assert names(result["delivered"]) == good, result
    failed = {(r["model_id"], r["quantization"]): r for r in result["failed"]}
    assert set(failed) == {("Missing", "q4f16_1"), ("Damaged", "q4f16_1"), ("Unknown", "q5")}, failed
    assert failed["Damaged", "q4f16_1"]["code"] == 6, failed
    assert failed["Missing", "q4f16_1"]["code"] == 3 and failed["Unknown", "q5"]["code"] in (2, 3), failed
    assert set(d.logged()) == set(good)
    assert [e["event"] for e in d.events if e["event"] in ("delivered", "failed")] == \
        ["delivered", "delivered", "failed", "failed", "failed", "delivered", "delivered"], d.events
    assert d.log.read_text() == json.dumps(json.loads(d.log.read_text()), indent=4)  # as mlc_llm writes it
    assert [t["model_id"] for t in json.loads(d.log.read_text())["tasks"]] == ["Kjv", "Kjv", "Named", "Unknown"]

    # Overrides are in the config, not only in the log.
    assert d.chat("Kjv-q0f16-MLC")["context_window_size"] == 128
    assert d.chat("Kjv-q0f16-MLC")["prefill_chunk_size"] == 64
    assert d.chat("Kjv-q4f16_1-MLC")["context_window_size"] == 384
    assert d.logged()["Kjv", "q0f16"]["overrides"] == overrides
    assert d.logged()["Named", "q4f16_1"]["destination"] == "org/Named.q4f16_1"
    uploads = [r["upload"] for r in result["delivered"]]
    assert uploads[0] == "hf upload Me/Kjv-q0f16-MLC out/Kjv-q0f16-MLC .", uploads
    assert not (d.out / ".mlc-partial").exists() and not (d.out / ".mlc-deliver" / "Kjv-q0f16-MLC").exists()

    # Again: only what failed. When it is mended, nothing but that is done.
    again = d.run(code=3)
    assert again["delivered"] == [] and len(again["failed"]) == 3 and again["up_to_date"] == 4, again
    before = d.digests("Kjv-q0f16-MLC")
    shard = d.out / "Kjv-q0f16-MLC" / "params_shard_0.bin"
    inode = shard.stat().st_ino
    tasks = [tasks[0], task("Damaged"), tasks[4]]
    d.write(tasks, default_quantization=["q4f16_1"])
    result = d.run()
    assert names(result["delivered"]) == [("Damaged", "q4f16_1")] and result["up_to_date"] == 3, result
    assert d.digests("Kjv-q0f16-MLC") == before

    # Another template: the config alone is new. Other overrides: all of it.
    tasks[0]["conv_template"] = "wizardlm_7b"
    d.write(tasks, default_quantization=["q4f16_1"])
    assert [p["work"] for p in d.run("--dry-run")["deliveries"]] == ["config", "config", "nothing", "nothing"]
    assert len(d.run()["delivered"]) == 2
    assert d.chat("Kjv-q0f16-MLC")["conv_template"]["name"] == "wizardlm_7b"
    assert shard.stat().st_ino == inode
    assert d.logged()["Kjv", "q0f16"]["gen_config_only"] is True
    overrides["q0f16"]["context_window_size"] = 256
    d.write(tasks, default_quantization=["q4f16_1"])
    assert names(d.run()["delivered"]) == [("Kjv", "q0f16")]
    assert d.chat("Kjv-q0f16-MLC")["context_window_size"] == 256
    print("a list: what is good is delivered, what is not is named, and the log decides what is new")


def killed(mlc, base):
    """SIGKILL at each sync and rename of a run over two models: the next run does what is missing."""
    if not shutil.which("strace"):
        return print("skipped: no strace")
    whole = Delivery(mlc, base, "whole")
    tasks = [task("A", quantization="q4f16_1"), task("B", quantization="q4f16_1")]
    whole.write(tasks)
    whole.run()
    wanted = {name: whole.digests(name) for name in ("A-q4f16_1-MLC", "B-q4f16_1-MLC")}
    points = kept = 0
    for call in ("fsync", "rename"):
        at = 1
        while True:
            d = Delivery(mlc, base, f"killed-{call}-{at}")
            d.write(tasks)
            command = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={at}", *d.command()]
            code = subprocess.run(command, cwd=d.base, env={**d.environment, "ASAN_OPTIONS": "detect_leaks=0"},
                                  capture_output=True, timeout=120).returncode
            if code == 0:
                break
            assert code in (-9, 137), code
            done = d.logged() if d.log.exists() else {}  # whole, or as it was
            for (model_id, scheme) in done:
                assert d.digests(f"{model_id}-{scheme}-MLC") == wanted[f"{model_id}-{scheme}-MLC"]
            result = d.run()
            assert result["up_to_date"] == len(done) and len(result["delivered"]) == 2 - len(done), (result, done)
            kept += any("was converted before" in e.get("text", "") for e in d.events)
            for name, digests in wanted.items():
                assert d.digests(name) == digests, (call, at, name)
            assert sorted(os.listdir(d.out)) == sorted(wanted), os.listdir(d.out)
            shutil.rmtree(d.base)
            points, at = points + 1, at + (1 if call == "rename" else 3)
    assert points > 10 and kept > 0, (points, kept)
    print(f"killed at {points} calls: the next run delivered the rest, {kept} times without converting again")


def one_at_a_time(mlc, base):
    d = Delivery(mlc, base, "two")
    d.write([task("A", quantization="q4f16_1")])
    (d.out / ".mlc-partial").mkdir(parents=True)
    lock = d.out / ".mlc-partial" / "lock"
    with open(lock, "w") as held:
        import fcntl
        fcntl.flock(held, fcntl.LOCK_EX)
        result = subprocess.run(d.command(), cwd=d.base, env=d.environment, capture_output=True, text=True, timeout=60)
        assert result.returncode == 4 and "busy" in result.stderr, result
    print("two runs in one folder: the second is refused")


def from_the_hub(mlc, base):
    hub, _ = hub_server.pair()
    files = {p.name: p.read_bytes() for p in MODEL.iterdir() if p.is_file()}
    repository = hub_server.Repository(files)
    hub.repositories["org/kjv"] = {"main": repository, repository.commit: repository}
    d = Delivery(mlc, base, "hub-source")
    d.environment.update(HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0", NO_PROXY="*")
    d.write([task("A", "HF://org/kjv", quantization="q4f16_1"),
             task("B", "https://huggingface.co/org/kjv", quantization="q4f16_1")])
    result = d.run()
    assert len(result["delivered"]) == 2, result
    assert d.digests("A-q4f16_1-MLC") == d.digests("B-q4f16_1-MLC")
    assert [t["model"] for t in d.logged().values()] == ["HF://org/kjv", "https://huggingface.co/org/kjv"]
    # A folder that holds the model already is taken instead.
    d.environment.update(HF_HUB_OFFLINE="1", HF_HOME=str(base / "cold"))
    d.write([task("C", "HF://org/kjv", quantization="q4f16_1")])
    assert d.run(code=5)["failed"][0]["code"] == 5
    (base / "models").mkdir()
    (base / "models" / "kjv").symlink_to(MODEL)
    assert len(d.run("--hf-local-dir", str(base / "models"))["delivered"]) == 1
    print("models of the hub, and of a folder that has them")


def to_registry(mlc, base):
    if not shutil.which("docker-registry"):
        return print("skipped: docker-registry is not installed")
    registry = Registry(base / "registry")
    try:
        d = Delivery(mlc, base, "pushed")
        d.write([task("Kjv", quantization=["q4f16_1", "q0f16"]), task("Damaged", base / "damaged", quantization="q4f16_1")])
        address = f"oci://{registry.host}/models/{{model_id}}"
        result = d.run("--registry", address, code=6)
        assert names(result["delivered"]) == [("Kjv", "q4f16_1"), ("Kjv", "q0f16")], result
        assert [r["reference"] for r in result["delivered"]] == \
            [f"oci://{registry.host}/models/kjv:{q}" for q in ("q4f16_1", "q0f16")]
        for one in result["delivered"]:
            store = d.base / f"store-{one['quantization']}"
            run = lambda *a: subprocess.run([mlc, *a, "--quiet"], cwd=d.base, env=d.environment, check=True,
                                            capture_output=True, timeout=120)
            run("pull", one["reference"], "-o", str(store))
            name = f"Kjv-{one['quantization']}-MLC"
            source = store if not (store / "oci-layout").exists() else None
            if source is None:
                source = d.base / f"unpacked-{one['quantization']}"
                run("unpack", str(store), "-o", str(source))
            found = {str(p.relative_to(source)): hashlib.sha256(p.read_bytes()).hexdigest()
                     for p in source.rglob("*") if p.is_file()}
            assert found == d.digests(name), (set(found) ^ set(d.digests(name)))
        # What failed its checks is nowhere in the registry.
        catalog = subprocess.run(["curl", "-s", f"http://{registry.host}/v2/_catalog"], capture_output=True, text=True)
        if catalog.returncode == 0:
            assert json.loads(catalog.stdout)["repositories"] == ["models/kjv"], catalog.stdout
        # Signed on the way; who pulls with another key gets nothing.
        for name in ("ours", "other"):
            subprocess.run([mlc, "sign", "--new-key", name, "--quiet"], cwd=d.base, check=True, capture_output=True, timeout=60)
        d.write([task("Signed", quantization="q4f16_1")])
        signed = d.run("--registry", address, "--sign-key", "ours", "--kernels", "own")["delivered"][0]
        for key, code in (("ours", 0), ("other", 6)):
            pulled = subprocess.run([mlc, "pull", signed["reference"], "-o", f"by-{key}", "--key", f"{key}.pub", "--quiet"],
                                    cwd=d.base, env=d.environment, capture_output=True, text=True, timeout=120)
            assert pulled.returncode == code, pulled
        # A push that fails is no delivery.
        registry.stop()
        d.write([task("Later", quantization="q4f16_1")])
        result = d.run("--registry", address, code=5)
        assert len(result["failed"]) == 1 and ("Later", "q4f16_1") not in d.logged()
        print("a registry: packages are pushed and come back the same; what failed is not there")
    finally:
        registry.stop()


def main():
    mlc = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        good_and_bad(mlc, base)
        one_at_a_time(mlc, base)
        from_the_hub(mlc, base)
        killed(mlc, base)
        to_registry(mlc, base)


if __name__ == "__main__":
    main()
