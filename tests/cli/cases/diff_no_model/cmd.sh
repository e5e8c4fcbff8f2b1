mkdir a b
mlc diff a b
