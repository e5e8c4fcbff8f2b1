mlc help completion
