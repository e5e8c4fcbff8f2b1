mlc help bench
