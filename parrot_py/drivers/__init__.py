"""Drivers: read-only trees behind the names under /cvmfs (see base.py for the contract)."""
