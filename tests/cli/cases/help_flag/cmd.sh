mlc help >a
mlc --help >b
mlc -h >c
cmp a b
cmp a c
