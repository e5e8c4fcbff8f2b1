. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
python3 - <<'P'
import os, pty

for lines in (b"/exit\n", b"\x04"):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("mlc", ["mlc", "run", "model", "--device", "cpu", "--quiet"])
    os.write(terminal, lines)
    try:
        while os.read(terminal, 1000):
            pass
    except OSError:
        pass
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
