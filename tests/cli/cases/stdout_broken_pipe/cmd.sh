mkfifo pipe
exec 3<>pipe 4>pipe 3<&-
mlc help >&4
