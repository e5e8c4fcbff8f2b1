#!/usr/bin/env python3
"""Gives hostile checkpoints to `mlc gen_config`, stops it at any time, and fills its disk.

  gen_config_errors.py MLC

Each must end with its exit code and name its cause in one line of printable text, within seconds and a bounded memory,
and leave no output. CF-NN are rows of the list of hostile inputs that the project keeps.
"""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SECONDS, BYTES = 10, 512 << 20  # a busy machine takes its share

CONFIG = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
    "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-05, "vocab_size": 300,
    "max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2,
}
VOCAB = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"<0x{b:02X}>": 3 + b for b in range(256)}}
ADDED = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
          "special": True} for i, t in enumerate(("<unk>", "<s>", "</s>"))]
TOKENIZER = {"version": "1.0", "added_tokens": ADDED, "normalizer": None, "pre_tokenizer": None,
             "decoder": {"type": "ByteFallback"}, "model": {"type": "BPE", "vocab": VOCAB, "merges": []}}


def config(**changes):
    """config.json with these keys changed, or left out where the value is ..."""
    return json.dumps({k: v for k, v in {**CONFIG, **changes}.items() if v is not ...})


def raw(key, text):
    """config.json with the text of one value put in as it stands."""
    return config(**{key: "@@"}).replace('"@@"', text)


def tokenizer(**changes):
    return json.dumps({**TOKENIZER, **changes})


def vocabulary(**changes):
    return tokenizer(model={**TOKENIZER["model"], "vocab": {**VOCAB, **changes}})


def chat_template(text):
    return json.dumps({"bos_token": "<s>", "eos_token": "</s>", "chat_template": text})


LM = ["--conv-template", "LM"]

# name, files (text, or a number of zero bytes), further arguments, exit code, texts of the message
CASES = [
    ("CF-01 layers as 1e9", {"config.json": raw("num_hidden_layers", "1e9")}, LM, 3, ["num_hidden_layers", "1e9"]),
    ("CF-01 a billion layers", {"config.json": config(num_hidden_layers=10**9)}, LM, 3, ["num_hidden_layers is 1000000000"]),
    ("CF-01 negative layers", {"config.json": config(num_hidden_layers=-1)}, LM, 3, ["num_hidden_layers is -1"]),
    ("CF-01 no layers", {"config.json": config(num_hidden_layers=0)}, LM, 3, ["num_hidden_layers is 0"]),
    ("CF-01 layers as text", {"config.json": config(num_hidden_layers="2")}, LM, 3, ["num_hidden_layers", "plain integer"]),
    ("CF-01 layers as a float", {"config.json": config(num_hidden_layers=2.0)}, LM, 3, ["num_hidden_layers", "2.0"]),
    ("CF-01 layers missing", {"config.json": config(num_hidden_layers=...)}, LM, 3, ["num_hidden_layers is missing"]),
    ("CF-01 2^63 layers", {"config.json": config(num_hidden_layers=2**63)}, LM, 3, ["num_hidden_layers"]),
    ("many fields missing", {"config.json": config(hidden_size=..., vocab_size=...)}, LM, 3,
     ["hidden_size, vocab_size are missing"]),
    ("context of 2^63", {"config.json": config(max_position_embeddings=2**63)}, LM, 3, ["max_position_embeddings"]),
    ("context of 2^40", {"config.json": config(max_position_embeddings=2**40)}, LM, 3, ["context_window_size is 1099511627776"]),
    ("negative context", {"config.json": config(max_position_embeddings=-5)}, LM, 3, ["context_window_size is -5"]),
    ("no context length", {"config.json": config(max_position_embeddings=...)}, LM, 3,
     ["max_position_embeddings", "context_window_size can't be determined"]),
    ("negative batch", {"config.json": config()}, [*LM, "--max-batch-size", "-1"], 2, ["--max-batch-size", "-1"]),
    ("context window 0", {"config.json": config()}, [*LM, "--context-window-size", "0"], 2, ["--context-window-size", "0"]),
    ("context window -5", {"config.json": config()}, [*LM, "--context-window-size", "-5"], 2, ["--context-window-size", "-5"]),
    ("context window 2^63", {"config.json": config()}, [*LM, "--context-window-size", str(2**63)], 2,
     ["--context-window-size"]),
    ("context window 1.5", {"config.json": config()}, [*LM, "--context-window-size", "1.5"], 2, ["--context-window-size"]),
    ("context window as a word", {"config.json": config()}, [*LM, "--context-window-size", "many"], 2,
     ["--context-window-size", "many"]),
    ("too many stages", {"config.json": config()}, [*LM, "--pipeline-parallel-stages", "3"], 3,
     ["pipeline_parallel_stages is 3"]),
    ("CF-02 heads do not fill hidden_size", {"config.json": config(model_type="phi3", hidden_size=66)}, LM, 3,
     ["head_dim is 16, num_attention_heads is 4, hidden_size is 66"]),
    ("CF-02 key-value heads", {"config.json": config(num_key_value_heads=3)}, LM, 3, ["num_key_value_heads is 3"]),
    ("CF-02 no heads", {"config.json": config(num_attention_heads=0)}, LM, 3, ["num_attention_heads is 0"]),
    ("CF-02 negative head_dim", {"config.json": config(head_dim=-16)}, LM, 3, ["head_dim is -16"]),
    ("unknown rope scaling", {"config.json": config(rope_scaling={"rope_type": "yarn", "factor": 2})}, LM, 7,
     ['rope_scaling.rope_type is "yarn"', "llama3"]),
    ("unknown rope parameters", {"config.json": config(rope_parameters={"rope_type": "yarn", "rope_theta": 1e4})}, LM, 7,
     ['"yarn"', "llama3"]),
    ("no model_type", {"config.json": config(model_type=...)}, LM, 3, ["model_type is missing"]),
    ("unknown model_type", {"config.json": config(model_type="lama")}, LM, 3, ['"lama" is unknown', "did you mean llama"]),
    ("model_type as a number", {"config.json": config(model_type=3)}, LM, 3, ["model_type must be a string"]),
    ("CF-03 too deep", {"config.json": "[" * 100000}, LM, 3, ["config.json"]),
    ("CF-03 1 GB", {"config.json": 1 << 30}, LM, 3, ["config.json", "1073741824"]),
    ("CF-03 duplicate keys", {"config.json": config()[:-1] + ', "hidden_size": 1}'}, LM, 3, ["duplicate key"]),
    ("CF-03 truncated", {"config.json": config()[:-9]}, LM, 3, ["config.json"]),
    ("CF-03 NUL", {"config.json": config() + "\0"}, LM, 3, ["config.json"]),
    ("CF-03 byte order mark", {"config.json": "\ufeff" + config()}, LM, 3, ["byte order mark"]),
    ("CF-03 empty", {"config.json": ""}, LM, 3, ["config.json"]),
    ("generation_config.json truncated", {"config.json": config(), "generation_config.json": '{"top_p": '}, LM, 3,
     ["generation_config.json"]),
    ("temperature as text", {"config.json": config(), "generation_config.json": '{"temperature": "hot"}'}, LM, 3,
     ["generation_config.json: temperature"]),
    ("eos_token_id as text", {"config.json": config(), "generation_config.json": '{"eos_token_id": [2, "x"]}'}, LM, 3,
     ["generation_config.json: eos_token_id"]),
    ("eos_token_id of 2^31", {"config.json": config(), "generation_config.json": '{"eos_token_id": 2147483648}'}, LM, 3,
     ["generation_config.json: eos_token_id is 2147483648"]),
    ("a list as generation_config.json", {"config.json": config(), "generation_config.json": "[]"}, LM, 3,
     ["generation_config.json"]),
    ("CF-04 10 MB of chat template", {"config.json": config(), "tokenizer.json": tokenizer(),
                                      "tokenizer_config.json": chat_template("a" * (10 << 20))}, LM, 3, ["chat_template"]),
    ("CF-04 endless loop", {"config.json": config(), "tokenizer.json": tokenizer(), "tokenizer_config.json": chat_template(
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}")}, LM, 3, ["chat_template"]),
    ("CF-05 tokenizer.json truncated", {"config.json": config(), "tokenizer.json": tokenizer()[:-7]}, LM, 3,
     ["tokenizer.json"]),
    ("CF-05 token id 2^31", {"config.json": config(), "tokenizer.json": vocabulary(big=2**31)}, LM, 3,
     ["tokenizer.json", "2147483648"]),
    ("CF-05 negative token id", {"config.json": config(), "tokenizer.json": vocabulary(big=-1)}, LM, 3, ["tokenizer.json"]),
    ("CF-05 a byte of -1", {"config.json": config(), "tokenizer.json": vocabulary(**{"<0x-1>": 259})}, LM, 3,
     ["tokenizer.json", "'<0x-1>'", "<0x00> to <0xFF>"]),
    ("CF-05 an added byte in small letters", {"config.json": config(), "tokenizer.json": tokenizer(
        added_tokens=[*ADDED, {**ADDED[0], "id": 259, "content": "<0xfg>"}])}, LM, 3, ["tokenizer.json", "'<0xfg>'"]),
    ("duplicated added tokens", {"config.json": config(), "tokenizer.json": tokenizer(added_tokens=[*ADDED, ADDED[1]])}, LM,
     3, ["tokenizer.json", "<s>"]),
    ("tokenizer_config.json truncated", {"config.json": config(), "tokenizer.json": tokenizer(),
                                         "tokenizer_config.json": "{"}, LM, 3, ["tokenizer_config.json"]),
    ("no rule for the template", {"config.json": config()}, [], 3,
     ["no rule knows", "--conv-template", "the nearest are"]),
    ("unknown template", {"config.json": config()}, ["--conv-template", "lama-2"], 2, ['"lama-2"', "did you mean llama-2"]),
    ("strict with the wrong template", {"config.json": config(), "tokenizer.json": tokenizer(),
                                        "tokenizer_config.json": chat_template("{% for m in messages %}[{{ m.role }}]"
                                                                               "{{ m.content }}{% endfor %}")},
     ["--conv-template", "llama-2", "--strict"], 3, ["chat_template"]),
    ("strict with other stop tokens", {"config.json": config(eos_token_id=[2, 7])}, [*LM, "--strict"], 3,
     ["eos_token_id", "token 7"]),
    ("no config.json", {"other": "x"}, LM, 4, ["config.json"]),
]


def write_files(files, folder):
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        if isinstance(content, int):
            with open(path, "wb") as file:
                file.truncate(content)
        else:
            path.write_bytes(content.encode())


def limits():
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))


def command(mlc, source, out, args):
    return [mlc, "gen_config", source, "--quantization", "q4f16_1", *args, "-o", out]


def refuse(mlc, files, args, code, texts, folder):
    """What was wrong with how this case was refused."""
    source, out = folder / "source", folder / "out"
    write_files(files, source)
    start = time.monotonic()
    done = subprocess.run(command(mlc, source, out, args), capture_output=True, check=False, stdin=subprocess.DEVNULL,
                          preexec_fn=limits)
    seconds = time.monotonic() - start
    text = done.stderr.decode(errors="replace")
    problems = [f"exit code {done.returncode}, expected {code}"] if done.returncode != code else []
    problems += [f"lacks: {t}" for t in texts if t not in text]
    if len(re.findall(r"^mlc: error: ", text, re.M)) != 1:
        problems.append("there is not one error")
    if any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in text):
        problems.append("control characters in the message")
    if out.exists() or done.stdout:
        problems.append("there is output")
    if seconds > SECONDS:
        problems.append(f"took {seconds:.1f} s")
    return problems + ([text[:2000]] if problems else [])


def checkpoint(folder, size=0):
    """A sound checkpoint whose tokenizer.json has about this size."""
    more = {f"word{i}": 300 + i for i in range(size // 20)}
    write_files({"config.json": config(vocab_size=300 + len(more)), "tokenizer.json": vocabulary(**more),
                 "tokenizer_config.json": json.dumps({"bos_token": "<s>", "eos_token": "</s>"})}, folder)


ALL = {"mlc-chat-config.json", "tokenizer.json", "tokenizer_config.json"}


def contents(out):
    return {p.name for p in out.iterdir()} if out.exists() else set()


def stops_clean(mlc, folder):
    """SIGINT at any time: all files or none. SIGKILL: no config unless all files are there."""
    source = folder / "source"
    checkpoint(source, 4 << 20)
    problems, ended = [], 0
    start = time.monotonic()
    subprocess.run(command(mlc, source, folder / "first", LM), check=True, capture_output=True)
    whole = time.monotonic() - start
    for number in range(24):
        out = folder / f"out{number}"
        sent = signal.SIGINT if number % 2 else signal.SIGKILL
        with subprocess.Popen(command(mlc, source, out, LM), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(whole * number / 20)
            process.send_signal(sent)
            code = process.wait()
        ended += code != 0
        names = contents(out)
        if sent == signal.SIGINT and names not in (set(), ALL):
            problems.append(f"after SIGINT {sorted(names)} lie in the output folder")
        if "mlc-chat-config.json" in names and not ALL <= names:
            problems.append(f"after {sent.name} the config lies there with {sorted(names)} only")
        # Whatever a killed run left is in nobody's way.
        subprocess.run(command(mlc, source, out, LM), check=True, capture_output=True)
        if contents(out) != ALL:
            problems.append(f"after the next run {sorted(contents(out))} lie there")
    print(f"{ended} of 24 runs were stopped before their end")
    return problems


def keeps_earlier_output(mlc, folder, out, wrap=(), **how):
    """A second run that fails by exit code 4, after which an earlier output lies there as it was."""
    before = {name: (out / name).read_bytes() for name in contents(out)}
    done = subprocess.run([*wrap, *command(mlc, folder / "large", out, LM)], check=False, capture_output=True, **how)
    after = {name: (out / name).read_bytes() for name in contents(out)}
    problems = [] if done.returncode == 4 else [f"exit code {done.returncode}, expected 4: {done.stderr.decode()}"]
    return problems + ([] if before == after else ["the earlier output was changed"])


def full_disk(mlc, folder):
    """A limit of the size of files, and a file system of 64 KiB where one may be mounted (as root)."""
    checkpoint(folder / "small")
    checkpoint(folder / "large", 1 << 20)
    out = folder / "out"
    subprocess.run(command(mlc, folder / "small", out, LM), check=True, capture_output=True)
    problems = keeps_earlier_output(mlc, folder, out,
                                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19)))
    tiny = folder / "tiny"
    tiny.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tiny]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        print("full_disk: no file system can be mounted here")
        return problems
    try:
        subprocess.run(command(mlc, folder / "small", tiny / "out", LM), check=True, capture_output=True)
        problems += keeps_earlier_output(mlc, folder, tiny / "out")
        done = subprocess.run(command(mlc, folder / "large", tiny / "new", LM), check=False, capture_output=True)
        if done.returncode != 4 or b"No space left" not in done.stderr or (tiny / "new").exists():
            problems.append(f"exit code {done.returncode} on a full disk: {done.stderr.decode()}")
    finally:
        subprocess.run(["umount", tiny], check=True)
    return problems


def unreadable(mlc, folder):
    """A file where a folder is expected, on either side, and what one may not read or write."""
    checkpoint(folder / "source")
    (folder / "file").write_text("x")
    problems = []

    def refused(source, out, **how):
        done = subprocess.run(command(mlc, source, out, LM), check=False, capture_output=True, **how)
        if done.returncode not in (2, 4) or (folder / "out").exists():
            problems.append(f"exit code {done.returncode}: {done.stderr.decode()}")

    refused(folder / "file" / "x", folder / "out")
    refused(folder / "source", folder / "file")
    # Root may do everything, so another user tries, if that one can run the program.
    other = {"user": 65534} if os.geteuid() == 0 else {}
    folder.chmod(0o755)
    try:
        subprocess.run([mlc, "--version"], check=True, capture_output=True, **other)
    except (OSError, subprocess.CalledProcessError):
        print("unreadable: no other user can run the program")
        return problems
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", ""):
        path = folder / "source" / name
        mode = path.stat().st_mode
        path.chmod(0)
        refused(folder / "source", folder / "out", **other)
        path.chmod(mode)
    (folder / "locked").mkdir()
    (folder / "locked").chmod(0o555)
    refused(folder / "source", folder / "locked", **other)
    return problems


def control_characters(mlc, folder):
    """CF-04: a chat template is kept as it is, and shown with its control characters escaped."""
    checkpoint(folder / "source")
    text = chat_template("\u001b[31m{{ raise_exception('\u001b[2J') }}")
    (folder / "source" / "tokenizer_config.json").write_text(text)
    out = folder / "out"
    done = subprocess.run(command(mlc, folder / "source", out, LM), check=False, capture_output=True)
    problems = [] if done.returncode == 0 else [done.stderr.decode()]
    if b"\x1b" in done.stderr + done.stdout:
        problems.append("control characters were printed")
    if not problems and (out / "tokenizer_config.json").read_text() != text:
        problems.append("the chat template was changed")
    return problems


def main():
    mlc = pathlib.Path(sys.argv[1]).resolve()
    runs = [(name, lambda folder, c=(files, args, code, texts): refuse(mlc, *c, folder))
            for name, files, args, code, texts in CASES]
    others = (stops_clean, full_disk, unreadable, control_characters)
    runs += [(other.__name__, lambda folder, o=other: o(mlc, folder)) for other in others]
    failed = 0
    for name, run in runs:
        if len(sys.argv) > 2 and sys.argv[2] not in name:
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="mlc-gen-config-"))
        try:
            problems = run(folder)
        finally:
            shutil.rmtree(folder)
        if problems:
            failed += 1
            print(f"FAILED  {name}\n        " + "\n        ".join(problems))
    print(f"{len(runs) - failed} of {len(runs)} cases of gen_config end as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
