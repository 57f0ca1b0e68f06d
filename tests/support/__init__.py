"""What the tests share: places and users, servers, trees, and ways to run a command."""
