"""Damage of every kind between the signer and the job: told as EIO and in the log, and nothing of it stays."""
