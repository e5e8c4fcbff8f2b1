#!/usr/bin/env python3
"""Runs the commands of README's sections on mlc verify and on publishing as they are written there.

  readme_commands.py MLC

They run one after the other in a folder with what they name: `model`, the small trained model, converted; `checkpoint`,
what it was made from; `text.txt`. All have to succeed, and what they say they write has to be there. Publishing has a
folder of its own, with the checkpoint alone, and Debian's docker-registry on this machine for REGISTRY.
"""

import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import registry  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KJV = ROOT / "tests" / "data" / "kjv-llama"
# The section, and the files that its commands write.
SECTIONS = {
    "Verify in CI": ["bounds.json", "verify.html", "verify.md", "verify.json", "model/mlc-verify-reference.json"],
    "Verify on the device": [],
    "Signed models": ["release.pem", "release.pem.pub", "model/model.sig"],
}
PUBLISHING = "Publish a model from CI"
PUBLISHED = ["release.pem.pub", "verify.md", "package/index.json", "store/index.json", "app/params_shard_0.bin"]
TIME_LIMIT = 300


def commands_of(section):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(rf"^### {section}\n(.*?)(?=^##)", text, flags=re.S | re.M)
    blocks = re.findall(r"^```\n(.*?)^```$", match[1], flags=re.S | re.M) if match else []
    if not blocks:
        sys.exit(f"README.md: no commands in a section {section}")
    return blocks


def prepare(folder, mlc):
    shutil.copytree(KJV, folder / "checkpoint")
    (folder / "text.txt").write_text((KJV / "reference" / "held_out.txt").read_text(encoding="utf-8")[:4000],
                                     encoding="utf-8")
    for arguments in (["convert_weight"], ["gen_config", "--conv-template", "LM", "--all-stop-tokens"]):
        subprocess.run([mlc, *arguments, "checkpoint", "--quantization", "q4f16_1", "-o", "model", "--quiet"], cwd=folder,
                       check=True, capture_output=True)


def check_results(folder):
    """The three reports are of the same run, and of a model that is right."""
    report = json.loads((folder / "verify.json").read_text())
    assert report["ok"] and report["errors"] == 0, report["findings"]
    assert report["ran"] == ["files", "params", "weights", "model"], report["ran"]
    assert report["thresholds"]["quantization-kl"] == 0.05
    assert report["weights"]["recomputed"]["fitting"].startswith("mlc-2026 rtn")
    assert 0 < report["model_run"]["quantization_error"]["kl_mean"] < 0.05
    assert "mlc verify: right" in (folder / "verify.md").read_text()
    page = (folder / "verify.html").read_text()
    html.parser.HTMLParser().feed(page)
    assert json.loads(page.split('id="report">')[1].split("</script>")[0]) == report


def run_section(section, writes, mlc, folder, **variables):
    environment = {**os.environ, **variables, "PATH": f"{mlc.parent}:{os.environ['PATH']}"}
    for block in commands_of(section):
        begun = time.monotonic()
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, text=True,
                              capture_output=True, timeout=TIME_LIMIT, check=False)
        print(f"{time.monotonic() - begun:5.1f} s  {block.strip().splitlines()[-1]}")
        if done.returncode:
            sys.exit(f"{section}: exit code {done.returncode}\n{block}\n{done.stdout}\n{done.stderr}")
    missing = [file for file in writes if not (folder / file).exists()]
    if missing:
        sys.exit(f"{section}: the commands did not write {', '.join(missing)}")


def publish(mlc):
    if not shutil.which("docker-registry"):
        print(f"skipped: {PUBLISHING}: docker-registry is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="mlc-readme-") as name:
        folder = pathlib.Path(name)
        shutil.copytree(KJV, folder / "checkpoint")
        server = registry.Registry(folder / "registry")
        try:
            run_section(PUBLISHING, PUBLISHED, mlc, folder, REGISTRY=f"{server.host}/models")
        finally:
            server.stop()
        made = {p.name: p.read_bytes() for p in (folder / "model").iterdir()}
        assert made == {p.name: p.read_bytes() for p in (folder / "app").iterdir()}


def main():
    mlc = pathlib.Path(sys.argv[1]).resolve()
    publish(mlc)
    with tempfile.TemporaryDirectory(prefix="mlc-readme-") as name:
        folder = pathlib.Path(name)
        prepare(folder, mlc)
        for section, writes in SECTIONS.items():
            run_section(section, writes, mlc, folder)
        check_results(folder)
    print("the commands of README do what it says")


if __name__ == "__main__":
    main()
