mkdir m
mlc package m -o p --version 1.0
