#!/usr/bin/env python3
"""Signatures of the program from outside: held against an independent signer and verifier (tests/interop/oms.py, and
where the shared folder is there, its reference), turned bits, hostile folders, attestations.

  sign.py MLC DATA
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
OMS = TESTS / "interop" / "oms.py"
REFERENCE = TESTS.parent.parent / "shared" / "tools" / "oms_reference.py"
MLC, DATA = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
CURVES = {"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **options)


def mlc(*arguments, code=0, says="", **options):
    done = run(MLC, *arguments, **options)
    text = done.stdout + done.stderr
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, expected {code}\n{text}"
    assert says in text, f"{arguments}: expected {says!r} in\n{text}"
    return done.stdout


def verify(model, *more, code=0, says=""):
    return mlc("verify", model, "--level", "files", "--quiet", *more, code=code, says=says)


def openssl(*arguments):
    done = run("openssl", *arguments)
    assert done.returncode == 0, done.stderr


def make_key(place, curve):
    key = place / f"{curve}.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[curve]}", "-out", key)
    os.chmod(key, 0o600)
    openssl("pkey", "-in", key, "-pubout", "-out", f"{key}.pub")
    return key


def make_model(place):
    model = place / "model"
    mlc("convert_weight", DATA / "kjv-llama", "--quantization", "q4f16_1", "-o", model, "--quiet")
    mlc("gen_config", DATA / "kjv-llama", "--quantization", "q4f16_1", "--conv-template", "LM", "-o", model, "--quiet")
    (model / "notes").mkdir()
    (model / "notes" / "ä.txt").write_text("text\n")
    (model / "notes" / "empty").touch()
    return model


def make_certificates(place, key):
    """A root, an authority below it, and the signer's certificate."""
    for name, subject, issuer, extensions in [
            ("root", "/CN=root", None, "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign"),
            ("middle", "/CN=middle", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign"),
            ("leaf", "/CN=signer", "middle", "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature"),
    ]:
        own = key if name == "leaf" else make_key(place, "P-256").rename(place / f"{name}.key")
        request, extension = place / f"{name}.csr", place / f"{name}.ext"
        extension.write_text(extensions)
        openssl("req", "-new", "-key", own, "-subj", subject, "-out", request)
        by = ["-CA", place / f"{issuer}.crt", "-CAkey", place / f"{issuer}.key"] if issuer else ["-signkey", own]
        openssl("x509", "-req", "-in", request, *by, "-days", "2", "-set_serial", str(random.randrange(1 << 60)),
                "-extfile", extension, "-out", place / f"{name}.crt")
    return place / "leaf.crt", place / "middle.crt", place / "root.crt"


def test_interop(place, model):
    """Both ways, every curve."""
    bundle = model / "model.sig"
    for curve in CURVES:
        key = make_key(place, curve)
        public = f"{key}.pub"
        mlc("sign", model, "--key", key, "--quiet")
        text = bundle.read_bytes()
        done = run(sys.executable, OMS, "verify", model, bundle, public)
        assert done.returncode == 0, done.stderr
        mlc("sign", model, "--key", key, "--quiet", "--threads", "1", env={**os.environ, "TZ": "Asia/Tokyo"})
        assert bundle.read_bytes() == text, "a signature is not the same twice"
        if REFERENCE.exists():
            done = run(sys.executable, REFERENCE, "verify-model", "--method", "key", "--model-path", model, "--bundle",
                       bundle, "--public-key", public)
            assert done.returncode == 0, done.stderr
            bundle.unlink()
            done = run(sys.executable, REFERENCE, "sign-model", "--method", "key", "--model-path", model,
                       "--output-bundle", bundle, "--private-key", key)
            assert done.returncode == 0, done.stderr
            verify(model, "--key", public, says="signature    holds")
        bundle.unlink()
        done = run(sys.executable, OMS, "sign", model, bundle, key)
        assert done.returncode == 0, done.stderr
        verify(model, "--key", public, says="signature    holds")
        done = run(sys.executable, OMS, "verify", model, bundle, public)
        assert done.returncode == 0, done.stderr
    print("ok      interop" + ("" if REFERENCE.exists() else "; the reference skipped: no shared data"))


def test_certificates(place, model):
    bundle = model / "model.sig"
    key = make_key(place, "P-384")
    leaf, middle, root = make_certificates(place, key)
    done = run(sys.executable, OMS, "sign", model, bundle, key, leaf, middle)
    assert done.returncode == 0, done.stderr
    assert run(sys.executable, OMS, "verify", model, bundle, root).returncode == 0
    verify(model, "--cert-chain", root, says="by a certificate")
    verify(model, "--cert-chain", middle, says="by a certificate")
    verify(model, "--key", f"{key}.pub", code=6, says="what is trusted is a key")
    other = place / "other"
    other.mkdir()
    verify(model, "--cert-chain", make_certificates(other, make_key(other, "P-384"))[2], code=6, says="S02")
    if REFERENCE.exists():
        bundle.unlink()
        done = run(sys.executable, REFERENCE, "sign-model", "--method", "certificate", "--model-path", model,
                   "--output-bundle", bundle, "--private-key", key, "--signing-cert", leaf, "--cert-chain", middle)
        assert done.returncode == 0, done.stderr
        verify(model, "--cert-chain", root, says="by a certificate")
    print("ok      certificates")


def flipped(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_turned_bits(model, package, public):
    """A sample through the program; tests/unit/package_verify_test.cc turns every bit."""
    chance = random.Random(1)
    verify(model, "--key", public)
    files = [p for p in model.rglob("*") if p.is_file() and p.stat().st_size > 0]
    for path in files:
        for _ in range(3):
            bit = chance.randrange(path.stat().st_size * 8)
            flipped(path, bit)
            done = run(MLC, "verify", model, "--level", "files", "--quiet", "--key", public)
            assert done.returncode in (3, 6), f"{path}: bit {bit}: exit {done.returncode}"
            flipped(path, bit)
    what = f"{package}:m-1.0.0"
    verify(what, "--key", public, says="signature    holds")
    for path in [p for p in package.rglob("*") if p.is_file() and p.stat().st_size > 0]:
        for _ in range(2):
            bit = chance.randrange(path.stat().st_size * 8)
            flipped(path, bit)
            done = run(MLC, "verify", what, "--level", "files", "--quiet", "--key", public)
            assert done.returncode in (2, 3, 6), f"{path}: bit {bit}: exit {done.returncode}"
            flipped(path, bit)
    verify(what, "--key", public)
    print("ok      turned bits")


def test_hostile(place, model, public):
    """What no library test can show of the program: no blocking, little memory, exit codes."""
    bundle = model / "model.sig"
    good = bundle.read_bytes()
    with open(bundle, "wb") as file:  # SG-11
        file.truncate(1 << 30)
    verify(model, "--key", public, code=3, says="model.sig")
    bundle.write_bytes(b"[" * 1000000)
    verify(model, "--key", public, code=3, says="model.sig")
    bundle.write_bytes(good.replace(b'"payload":', b'"payload":"","payload":'))
    verify(model, "--key", public, code=3, says="payload")
    bundle.unlink()  # SG-14
    verify(model, "--key", public, code=6, says="S01 signature-missing")
    bundle.write_bytes(good)
    os.mkfifo(model / "pipe")  # SG-07
    verify(model, "--key", public, code=6, says="S06 not-a-file: pipe")
    mlc("sign", model, "--key", place / "P-256.pem", code=3, says="pipe")
    (model / "pipe").unlink()
    os.symlink("/etc/passwd", model / "link")
    verify(model, "--key", public, code=6, says="S06 not-a-file: link")
    (model / "link").unlink()
    (model / ".hidden").touch()
    verify(model, "--key", public, code=6, says="S05 file-unsigned: .hidden")
    verify(model, "--key", public, "--ignore-unsigned-files")
    (model / ".hidden").unlink()
    for kind in (["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["ED25519"],  # SG-02
                 ["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]):
        openssl("genpkey", "-algorithm", *kind, "-out", place / "no.pem")
        openssl("pkey", "-in", place / "no.pem", "-pubout", "-out", place / "no.pub")
        verify(model, "--key", place / "no.pub", code=3, says="expected an ECDSA key")
        mlc("sign", model, "--key", place / "no.pem", code=3, says="expected an ECDSA key")
    verify(model, "--key", public)
    print("ok      hostile folders and keys")


def test_secrets(place, model):
    """A password and a key appear nowhere."""
    key = make_key(place, "P-256")
    locked = place / "locked.pem"
    openssl("pkey", "-in", key, "-aes-256-cbc", "-passout", "pass:CANARY-7731", "-out", locked)
    secret = "".join(key.read_text().splitlines()[1:-1])[40:80]
    for environment, code in (({}, 2), ({"MLC_SIGN_KEY_PASSWORD": "CANARY-wrong"}, 3),
                              ({"MLC_SIGN_KEY_PASSWORD": "CANARY-7731"}, 0)):
        done = run(MLC, "sign", model, "--key", locked, "--json", env={**os.environ, **environment})
        assert done.returncode == code, done.stderr
        assert "CANARY" not in done.stdout + done.stderr
        assert secret not in done.stdout + done.stderr
    verify(model, "--key", f"{key}.pub")
    os.chmod(locked, 0o644)
    mlc("sign", model, "--key", key, "--quiet")
    mlc("sign", model, "--key", locked, code=0, says="chmod 600",
        env={**os.environ, "MLC_SIGN_KEY_PASSWORD": "CANARY-7731"})
    print("ok      secrets")


def bom_problems(bom):
    """What CycloneDX 1.6 requires of the members that we write."""
    problems = []

    def require(condition, what):
        if not condition:
            problems.append(what)

    def component(c, where):
        require(c.get("type") in ("application", "machine-learning-model", "file"), f"{where}: type")
        require(isinstance(c.get("name"), str) and c["name"], f"{where}: name")
        for hash_ in c.get("hashes", []):
            require(hash_["alg"] == "SHA-256" and len(hash_["content"]) == 64, f"{where}: hashes")
        for one in c.get("licenses", []):
            require(len({"id", "name"} & set(one["license"])) == 1, f"{where}: licenses")
        require("modelCard" not in c or c["type"] == "machine-learning-model", f"{where}: modelCard")
        require(set(c.get("modelCard", {})) <= {"bom-ref", "modelParameters", "quantitativeAnalysis", "considerations",
                                                "properties"}, f"{where}: modelCard")
        for property_ in c.get("properties", []):
            require(set(property_) <= {"name", "value"} and "name" in property_, f"{where}: properties")
        for inner in c.get("components", []):
            component(inner, where + "/" + inner.get("name", "?"))
        for ancestor in c.get("pedigree", {}).get("ancestors", []):
            component(ancestor, where + "/ancestor")

    require(bom.get("bomFormat") == "CycloneDX", "bomFormat")
    require(bom.get("specVersion") == "1.6", "specVersion")
    require(isinstance(bom.get("version"), int) and bom["version"] >= 1, "version")
    require(set(bom) <= {"bomFormat", "specVersion", "serialNumber", "version", "metadata", "components",
                         "dependencies"}, "members")
    parts = bom["serialNumber"].removeprefix("urn:uuid:").split("-")
    require([len(p) for p in parts] == [8, 4, 4, 4, 12], "serialNumber")
    component(bom["metadata"]["component"], "metadata")
    for tool in bom["metadata"]["tools"]["components"]:
        component(tool, "tools")
    references = []

    def collect(c):
        references.append(c["bom-ref"])
        for inner in c.get("components", []) + c.get("pedigree", {}).get("ancestors", []):
            collect(inner)

    collect(bom["metadata"]["component"])
    for c in bom["components"]:
        component(c, c.get("name", "?"))
        collect(c)
    require(len(references) == len(set(references)), "bom-ref twice")
    for dependency in bom["dependencies"]:
        require({dependency["ref"], *dependency["dependsOn"]} <= set(references), "dependencies")
    return problems


def attached(package, public):
    """predicateType: statement, of all bundles and statements in the package."""
    sys.path.insert(0, str(OMS.parent))
    import oms
    found = {}
    for entry in json.loads((package / "index.json").read_text())["manifests"]:
        blob = lambda d: (package / "blobs" / d["digest"].replace(":", "/")).read_text()
        manifest = json.loads(blob(entry))
        if "subject" not in manifest:
            continue
        text = blob(manifest["layers"][0])
        statement = oms.payload_of(text, public) if public else json.loads(text)
        found[statement["predicateType"]] = (statement, manifest["subject"]["digest"])
    return found


def test_attestations(place, model, key):
    source = DATA / "kjv-llama"
    for name, more in (("signed", ["--sign-key", key]), ("plain", [])):
        package = place / name
        mlc("package", model, "-o", package, "--name", "m", "--version", "1.0.0", "--source", source, "--quiet", *more)
        again = place / (name + "-again")
        mlc("package", model, "-o", again, "--name", "m", "--version", "1.0.0", "--source", source, "--quiet", *more,
            "--threads", "1")
        assert (package / "index.json").read_bytes() == (again / "index.json").read_bytes(), "not the same bytes twice"
        statements = attached(package, f"{key}.pub" if more else None)
        expected = {"https://slsa.dev/provenance/v1", "https://cyclonedx.org/bom"}
        assert set(statements) - {"https://model_signing/signature/v1.0"} == expected, set(statements)
        for kind in expected:
            statement, subject = statements[kind]
            assert statement["_type"] == "https://in-toto.io/Statement/v1"
            assert "sha256:" + statement["subject"][0]["digest"]["sha256"] == subject
        provenance = statements["https://slsa.dev/provenance/v1"][0]["predicate"]
        assert set(provenance) == {"buildDefinition", "runDetails"}
        assert provenance["runDetails"]["builder"]["id"]
        named = {d["name"]: d["digest"]["sha256"] for d in provenance["buildDefinition"]["resolvedDependencies"]}
        weights = (source / "model.safetensors").read_bytes()
        assert named["model.safetensors"] == hashlib.sha256(weights).hexdigest()
        assert provenance["buildDefinition"]["externalParameters"]["quantization"] == "q4f16_1"
        bom = statements["https://cyclonedx.org/bom"][0]["predicate"]
        assert bom_problems(bom) == [], bom_problems(bom)
        assert "1970" not in json.dumps(bom), "a time that nobody knows"
    verify(place / "signed", "--key", f"{key}.pub", says="2 attestations")
    verify(place / "plain", says="S13 attestation-unsigned")
    print("ok      attestations")


def test_stopped(package):
    """A run that is stopped leaves nothing beside the package."""
    process = subprocess.Popen([str(MLC), "verify", str(package), "--level", "model", "--quiet"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(200):
        if any(".tmp-" in p.name for p in package.parent.iterdir()):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    # Before the program could take the signal itself, or after its end, too.
    assert process.wait(120) in (143, -signal.SIGTERM, 0)
    left = [p.name for p in package.parent.iterdir() if ".tmp-" in p.name]
    assert left == [], left
    print("ok      stopped")


def main():
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        model = make_model(place)
        test_interop(place, model)
        test_certificates(place, model)
        key = make_key(place, "P-256")
        mlc("sign", model, "--key", key, "--quiet")
        package = place / "pkg"
        mlc("package", model, "-o", package, "--name", "m", "--version", "1.0.0", "--quiet")
        mlc("sign", package, "--key", key, "--quiet")
        test_turned_bits(model, package, f"{key}.pub")
        test_hostile(place, model, f"{key}.pub")
        test_stopped(package)
        test_secrets(place, model)
        key = make_key(place, "P-256")
        (model / "model.sig").unlink()
        test_attestations(place, model, key)


if __name__ == "__main__":
    main()
