mkdir a
mlc diff a nowhere
