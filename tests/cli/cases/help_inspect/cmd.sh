mlc help inspect
