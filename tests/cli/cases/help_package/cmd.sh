mlc help package
