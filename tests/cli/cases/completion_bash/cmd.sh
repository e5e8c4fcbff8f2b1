# The script must be accepted by bash and complete commands and values.
mlc completion bash >script
bash -n script
source ./script
complete() { COMP_WORDS=(mlc "$@") COMP_CWORD=$#; COMPREPLY=(); _mlc; echo "$* -> ${COMPREPLY[*]-}"; }
complete comp
complete completion ""
complete completion z
complete completion --h
complete help comp
