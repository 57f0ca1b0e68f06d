"""What parrot_run promises to its users, checked from outside on real and made repositories."""
