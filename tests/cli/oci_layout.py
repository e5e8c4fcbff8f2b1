"""Packages for tests: OCI layouts as mlc writes them, made without mlc."""

import hashlib
import json
import pathlib

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
MODEL = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
WEIGHT = "application/vnd.cncf.model.weight.v1.raw"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY = "application/vnd.oci.empty.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """Blobs and manifests in memory; write() makes a folder of them."""

    def __init__(self):
        self.blobs = {}
        self.entries = []

    def blob(self, kind, data, **more):
        self.blobs[digest(data)] = data
        return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}

    def manifest(self, artifact, config, layers, tag=None, subject=None, annotations=None):
        value = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact, "config": config, "layers": layers}
        if subject:
            value["subject"] = {k: subject[k] for k in ("mediaType", "digest", "size")}
        if annotations:
            value["annotations"] = annotations
        entry = self.blob(MANIFEST, canonical(value))
        self.entries.append({**entry, **({"annotations": {REF_NAME: tag}} if tag else {})})
        return entry

    def model(self, files, tag, version="0.1.0", name="tiny"):
        layers = [self.blob(WEIGHT, data, annotations={"org.cncf.model.filepath": path, "org.opencontainers.image.title": path})
                  for path, data in sorted(files.items())]
        config = self.blob(CONFIG, canonical({
            "config": {"format": "mlc"}, "descriptor": {"name": name, "version": version},
            "modelfs": {"diffIds": [l["digest"] for l in layers], "type": "layers"}}))
        return self.manifest(MODEL, config, layers, tag, annotations={"org.opencontainers.image.version": version})

    def referrer(self, subject, data, annotations=None, kind=BUNDLE):
        return self.manifest(BUNDLE, self.blob(EMPTY, b"{}"), [self.blob(kind, data)], subject=subject, annotations=annotations)

    def write(self, folder):
        folder = pathlib.Path(folder)
        (folder / "blobs" / "sha256").mkdir(parents=True)
        for name, data in self.blobs.items():
            (folder / "blobs" / "sha256" / name.partition(":")[2]).write_bytes(data)
        (folder / "oci-layout").write_bytes(canonical({"imageLayoutVersion": "1.0.0"}))
        (folder / "index.json").write_bytes(canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries}))
        return folder
