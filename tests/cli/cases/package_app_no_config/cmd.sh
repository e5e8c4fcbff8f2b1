mlc package
