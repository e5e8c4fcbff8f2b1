mlc help diff
