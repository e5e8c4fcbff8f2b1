mlc help completion >a
mlc completion --help >b
cmp a b
