#!/usr/bin/python3
"""OpenSSF Model Signing v1.0 by the specification, with openssl(1) for all cryptography: what our signatures are held
against, and where foreign ones come from.

  oms.py sign FOLDER BUNDLE PRIVATE_KEY [CERTIFICATE...]     certificates: the signer's first
  oms.py verify FOLDER BUNDLE PUBLIC_KEY_OR_ANCHOR           exits 1 with a reason
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

TYPE = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://model_signing/signature/v1.0"
USUAL = {".git", ".gitattributes", ".github", ".gitignore"}
HASHES = {"prime256v1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


def openssl(*arguments, data=b""):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    need(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')[:200]}")
    return done.stdout


def hash_for(public_pem):
    text = openssl("pkey", "-pubin", "-noout", "-text", data=public_pem).decode()
    for curve, name in HASHES.items():
        if f"ASN1 OID: {curve}\n" in text:
            return name
    raise Refused("no key of P-256, P-384 or P-521")


def encoded(payload):
    """DSSE's pre-authentication encoding."""
    return b" ".join([b"DSSEv1", str(len(TYPE)).encode(), TYPE.encode(), str(len(payload)).encode(), payload])


def digests(folder, left_out):
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.split("/")[0] in USUAL or name in left_out:
            continue
        need(not path.is_symlink(), f"{name} is a link")
        if path.is_dir():
            continue
        need(path.is_file(), f"{name} is no file")
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def root_of(resources):
    return hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    need(len(keys) == len(set(keys)), "a key stands twice")
    return dict(pairs)


def sign(folder, bundle, private_key, *certificates):
    files = digests(folder, {pathlib.Path(bundle).name})
    resources = [{"name": name, "algorithm": "sha256", "digest": files[name]} for name in sorted(files)]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": pathlib.Path(folder).resolve().name, "digest": {"sha256": root_of(resources)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False,
                              "ignore_paths": sorted(USUAL | {pathlib.Path(bundle).name})},
            "resources": resources,
        },
    }
    payload = json.dumps(statement, indent=1).encode()
    public = openssl("pkey", "-in", private_key, "-pubout")
    signature = openssl("dgst", f"-{hash_for(public)}", "-sign", private_key, data=encoded(payload))
    text = lambda data: base64.b64encode(data).decode()
    if certificates:
        chain = [{"rawBytes": text(openssl("x509", "-in", path, "-outform", "DER"))} for path in certificates]
        material = {"x509CertificateChain": {"certificates": chain}, "tlogEntries": []}
    else:
        material = {"publicKey": {"hint": hashlib.sha256(public).hexdigest()}, "tlogEntries": []}
    envelope = {"payload": text(payload), "payloadType": TYPE, "signatures": [{"sig": text(signature), "keyid": ""}]}
    document = {"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}
    pathlib.Path(bundle).write_text(json.dumps(document, indent=2))


def signer(material, trusted):
    """The signer's public key in PEM, once it is trusted."""
    if "publicKey" in material:
        public = openssl("pkey", "-pubin", "-in", trusted, "-pubout")
        need(material["publicKey"]["hint"] == hashlib.sha256(public).hexdigest(), "another key")
        return public
    chain = material["x509CertificateChain"]["certificates"]
    pems = [openssl("x509", "-inform", "DER", data=base64.b64decode(c["rawBytes"], validate=True)) for c in chain]
    with tempfile.TemporaryDirectory() as place:
        leaf, others = pathlib.Path(place, "leaf"), pathlib.Path(place, "others")
        leaf.write_bytes(pems[0])
        others.write_bytes(b"".join(pems[1:]) or pems[0])
        openssl("verify", "-no-CApath", "-no-CAstore", "-partial_chain", "-CAfile", trusted, "-untrusted", str(others),
                str(leaf))
    return openssl("x509", "-noout", "-pubkey", data=pems[0])


def payload_of(text, trusted):
    """What the bundle signs, once its signature holds."""
    bundle = json.loads(text, object_pairs_hook=no_duplicates)
    need(bundle["mediaType"] == BUNDLE, "mediaType")
    envelope = bundle["dsseEnvelope"]
    need(envelope["payloadType"] == TYPE, "payloadType")
    need(len(envelope["signatures"]) == 1, "not one signature")
    payload = base64.b64decode(envelope["payload"], validate=True)
    public = signer(bundle["verificationMaterial"], trusted)
    with tempfile.TemporaryDirectory() as place:
        key, signature = pathlib.Path(place, "key"), pathlib.Path(place, "signature")
        key.write_bytes(public)
        signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"], validate=True))
        openssl("dgst", f"-{hash_for(public)}", "-verify", str(key), "-signature", str(signature),
                data=encoded(payload))
    return json.loads(payload, object_pairs_hook=no_duplicates)


def verify(folder, bundle, trusted):
    statement = payload_of(pathlib.Path(bundle).read_text(), trusted)
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "_type")
    need(statement["predicateType"] == PREDICATE, "predicateType")
    predicate = statement["predicate"]
    resources = predicate["resources"]
    need(resources, "no resources")
    need(predicate["serialization"]["method"] == "files", "method")
    need([s["digest"]["sha256"] for s in statement["subject"]] == [root_of(resources)], "root digest")
    expected = {r["name"]: r["digest"] for r in resources}
    need(len(expected) == len(resources), "a file stands twice")
    found = digests(folder, set(predicate["serialization"]["ignore_paths"]))
    need(found == expected, "files differ: " + ", ".join(sorted(set(found.items()) ^ set(expected.items()))[0]
                                                         if found != expected else []))


if __name__ == "__main__":
    try:
        {"sign": sign, "verify": verify}[sys.argv[1]](*sys.argv[2:])
    except (Refused, KeyError, ValueError) as error:
        sys.exit(f"refused: {error!r}")
