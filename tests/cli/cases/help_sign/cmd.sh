mlc help sign
