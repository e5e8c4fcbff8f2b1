# The script must be accepted by zsh, where there is one.
mlc completion zsh >script
head -n 1 script
if command -v zsh >/dev/null; then zsh -n script; fi
