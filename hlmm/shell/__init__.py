"""The only clocks, files, sockets and processes."""
