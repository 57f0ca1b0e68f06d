"""Big programs: the same under parrot_run as natively.  Long ones are marked compat (``bin/test --compat``)."""
