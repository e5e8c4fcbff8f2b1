mlc completion bash zsh
