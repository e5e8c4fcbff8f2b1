mlc --version
