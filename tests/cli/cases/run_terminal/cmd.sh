# On a terminal: commands, an answer that Ctrl-C stops, and Ctrl-C where nothing runs. The plain kernels are slow enough
# for an answer not to be over before.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
python3 - <<'P'
import os, pty, sys, termios

pid, terminal = pty.fork()
if pid == 0:
    os.execvp("mlc", ["mlc", "run", "model", "--device", "cpu-reference", "--temperature", "0", "--max-tokens", "3", "--quiet"])
quiet = termios.tcgetattr(terminal)
quiet[3] &= ~termios.ECHO
termios.tcsetattr(terminal, termios.TCSANOW, quiet)
text = ""


def until(mark):
    global text
    while mark not in text:
        text += os.read(terminal, 1000).decode()
    shown, text = text.split(mark, 1)
    return shown.replace("\r", "")


def say(line):
    os.write(terminal, line.encode() + b"\n")
    return until(">>> ")


print(until(">>> "), end="")
print(say("/stats"), end="")
print(say("In the beginning"), end="")
print("prefill" in say("/stats"), say("/nothing"), end="")
print(say("/set top_p=7"), end="")
print(say("/set max_tokens=0"), say("/reset"), end="")
os.write(terminal, b"In the beginning\n")
until(" ")
os.write(terminal, b"\x03")
print(until(">>> ")[-11:], end="")
os.write(terminal, b"\x03")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
