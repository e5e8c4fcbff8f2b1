mkdir m
mlc package m -o p
